/**
 * The names of the original Stable Diffusion code (LDM; SGM for XL) for the weights that diffusers names by blocks. A pure
 * renaming: only the number of layers in a block decides which is which.
 *
 * Names may be dotted paths, or flat as kohya writes them (`.` → `_`); what comes out is dotted as far as it was made here.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/loaders/single_file_utils.py
 */

/** What the names of a UNet tell of its blocks. */
export interface LdmLayout {
  readonly layersPerBlock: number;
}

/** From the names that diffusers has for a UNet's weights. */
export function ldmLayout(weights: Iterable<string>): LdmLayout {
  let layersPerBlock = 0;
  for (const name of weights) {
    const layer = /^down_blocks\.0\.resnets\.(\d+)\./.exec(name)?.[1];
    if (layer !== undefined) layersPerBlock = Math.max(layersPerBlock, Number(layer) + 1);
  }
  return { layersPerBlock };
}

/** Modules outside of the blocks. */
const SINGLE: readonly (readonly [RegExp, string])[] = [
  [/^time_embed[._]0(?=$|[._])/, 'time_embedding.linear_1'],
  [/^time_embed[._]2(?=$|[._])/, 'time_embedding.linear_2'],
  [/^label_emb[._]0[._]0(?=$|[._])/, 'add_embedding.linear_1'],
  [/^label_emb[._]0[._]2(?=$|[._])/, 'add_embedding.linear_2'],
  [/^input_blocks[._]0[._]0(?=$|[._])/, 'conv_in'],
  [/^out[._]0(?=$|[._])/, 'conv_norm_out'],
  [/^out[._]2(?=$|[._])/, 'conv_out'],
  [/^middle_block[._]0(?=[._])/, 'mid_block.resnets.0'],
  [/^middle_block[._]1(?=[._])/, 'mid_block.attentions.0'],
  [/^middle_block[._]2(?=[._])/, 'mid_block.resnets.1'],
];

/** Inside a resnet. */
const RESNET: readonly (readonly [RegExp, string])[] = [
  [/in_layers[._]0(?=$|[._])/, 'norm1'],
  [/in_layers[._]2(?=$|[._])/, 'conv1'],
  [/emb_layers[._]1(?=$|[._])/, 'time_emb_proj'],
  [/out_layers[._]0(?=$|[._])/, 'norm2'],
  [/out_layers[._]3(?=$|[._])/, 'conv2'],
  [/skip_connection(?=$|[._])/, 'conv_shortcut'],
];

const BLOCK = /^(input|output)_blocks[._](\d+)[._](\d+)[._](.+)$/;

/** A UNet's module, or weight, by diffusers' name; undefined for what is in none of its blocks. */
export function unetModule(ldm: string, layersPerBlock: number): string | undefined {
  for (const [pattern, name] of SINGLE) if (pattern.test(ldm)) return inResnet(ldm.replace(pattern, name));
  const [, side, index, place, rest] = BLOCK.exec(ldm) ?? [];
  if (!side || layersPerBlock === 0) return undefined;
  const at = { index: Number(index), place: Number(place), rest: rest! };
  return side === 'input' ? inputBlock(at, layersPerBlock) : outputBlock(at, layersPerBlock);
}

interface Place {
  /** Of the block, counted over the whole way. */
  readonly index: number;
  /** Inside of it: resnet, then transformer, then what changes the size. */
  readonly place: number;
  readonly rest: string;
}

/** Each block: its layers, then the convolution that halves the size. `input_blocks.0` is `conv_in`. */
function inputBlock({ index, place, rest }: Place, layersPerBlock: number): string | undefined {
  const block = Math.floor((index - 1) / (layersPerBlock + 1));
  const layer = (index - 1) % (layersPerBlock + 1);
  if (layer < layersPerBlock) return layerModule(`down_blocks.${block}`, { layer, place, rest });
  return place === 0 && /^op(?=$|[._])/.test(rest)
    ? `down_blocks.${block}.downsamplers.0.${rest.replace('op', 'conv')}`
    : undefined;
}

/** Each block has one layer more than on the way in; what doubles the size stands behind its last one. */
function outputBlock({ index, place, rest }: Place, layersPerBlock: number): string | undefined {
  const block = Math.floor(index / (layersPerBlock + 1));
  const layer = index % (layersPerBlock + 1);
  if (place > 0 && /^conv(?=$|[._])/.test(rest)) return `up_blocks.${block}.upsamplers.0.${rest}`;
  return layerModule(`up_blocks.${block}`, { layer, place, rest });
}

function layerModule(block: string, at: { layer: number; place: number; rest: string }): string | undefined {
  if (at.place > 1) return undefined;
  if (at.place === 1) return `${block}.attentions.${at.layer}.${at.rest}`;
  return inResnet(`${block}.resnets.${at.layer}.${at.rest}`);
}

function inResnet(name: string): string {
  if (!/resnets[._]\d+[._]/.test(name)) return name;
  const [pattern, renamed] = RESNET.find(([one]) => one.test(name)) ?? [/$/, ''];
  return name.replace(pattern, renamed);
}
