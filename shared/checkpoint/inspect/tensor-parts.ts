/** Tensors of a file counted by the network that their names belong to. */
import { elementCount } from '#shared/tensor/tensor.ts';
import type { TensorEntry } from '../safetensors-header.ts';
import type { PartReport } from './report.ts';

/** In the order tried. What none fits is `other`. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/^model_ema\./, 'EMA copy (not used)'],
  [
    /^(?:model\.diffusion_model\.|unet\.|lora_unet_|input_blocks\.|output_blocks\.|down_blocks\.|up_blocks\.|mid_block\.)/,
    'unet',
  ],
  [/^(?:first_stage_model\.|vae\.|encoder\.|decoder\.|quant_conv\.|post_quant_conv\.)/, 'vae'],
  [/^(?:conditioner\.embedders\.1\.|text_encoder_2\.|lora_te2_)/, 'text_encoder_2'],
  [/^(?:cond_stage_model\.|conditioner\.embedders\.0\.|text_encoder\.|text_model\.|lora_te1?_)/, 'text_encoder'],
  [/^(?:control_model\.|controlnet_|input_hint_block\.|zero_convs\.|middle_block_out\.)/, 'controlnet'],
  [/^(?:emb_params|clip_l|clip_g)$/, 'embedding'],
];

/** Largest parts first. */
export function tensorParts(entries: Iterable<TensorEntry>): PartReport[] {
  const byPart = Map.groupBy(entries, ({ name }) => PARTS.find(([pattern]) => pattern.test(name))?.[1] ?? 'other');
  return [...byPart].map(([part, own]) => partReport(part, own)).sort((a, b) => b.bytes - a.bytes);
}

/** Tensors of which the part is known. */
export function partReport(part: string, entries: readonly TensorEntry[]): PartReport {
  return {
    part,
    tensors: entries.length,
    parameters: entries.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    bytes: entries.reduce((sum, { length }) => sum + length, 0),
    dtypes: [...new Set(entries.map(({ dtype }) => dtype))].sort(),
  };
}
