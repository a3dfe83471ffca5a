/** The names of the original ControlNet: those of a UNet's way in, the hint encoder and the zero convolutions. */
import { unetModule } from './ldm-unet.ts';

/** Convolutions of the hint encoder stand at even places, with activations between. */
const HINT = /^input_hint_block\.(\d+)\./;
const LAST_HINT = 14;

/** A ControlNet's weight by diffusers' name; undefined for what is none. */
export function controlNetWeight(ldm: string, layersPerBlock: number): string | undefined {
  const place = HINT.exec(ldm)?.[1];
  if (place !== undefined) return ldm.replace(HINT, `controlnet_cond_embedding.${hintModule(Number(place))}.`);
  if (/^zero_convs\.\d+\.0\./.test(ldm)) return ldm.replace(/^zero_convs\.(\d+)\.0\./, 'controlnet_down_blocks.$1.');
  if (ldm.startsWith('middle_block_out.0.')) return ldm.replace('middle_block_out.0.', 'controlnet_mid_block.');
  return unetModule(ldm, layersPerBlock);
}

function hintModule(place: number): string {
  if (place === 0) return 'conv_in';
  return place === LAST_HINT ? 'conv_out' : `blocks.${place / 2 - 1}`;
}
