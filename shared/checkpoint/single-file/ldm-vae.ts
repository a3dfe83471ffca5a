/** The names of the original VAE for the weights that diffusers names by blocks. */

const ATTENTION: Readonly<Record<string, string>> = {
  norm: 'group_norm',
  q: 'to_q',
  k: 'to_k',
  v: 'to_v',
  proj_out: 'to_out.0',
};

/**
 * A VAE's weight by diffusers' name; a name that is diffusers' already stays.
 *
 * blocks   of the decoder: the original counts them from the picture's side
 */
export function vaeWeight(ldm: string, blocks: number): string {
  return ldm
    .replace(/^(encoder|decoder)\.norm_out\./, '$1.conv_norm_out.')
    .replace(/^(encoder|decoder)\.mid\.block_([12])\./, (_, side, n) => `${side}.mid_block.resnets.${Number(n) - 1}.`)
    .replace(
      /^(encoder|decoder)\.mid\.attn_1\.(norm|q|k|v|proj_out)\./,
      (_, side, layer: string) => `${side}.mid_block.attentions.0.${ATTENTION[layer]}.`,
    )
    .replace(/^encoder\.down\.(\d+)\.block\.(\d+)\./, 'encoder.down_blocks.$1.resnets.$2.')
    .replace(/^encoder\.down\.(\d+)\.downsample\./, 'encoder.down_blocks.$1.downsamplers.0.')
    .replace(
      /^decoder\.up\.(\d+)\.block\.(\d+)\./,
      (_, n, layer) => `decoder.up_blocks.${blocks - 1 - n}.resnets.${layer}.`,
    )
    .replace(/^decoder\.up\.(\d+)\.upsample\./, (_, n) => `decoder.up_blocks.${blocks - 1 - n}.upsamplers.0.`)
    .replace('.nin_shortcut.', '.conv_shortcut.');
}

/** Blocks of the decoder, of either naming. */
export function vaeBlocks(names: Iterable<string>): number {
  let blocks = 0;
  for (const name of names) {
    const block = /^decoder\.up(?:_blocks)?\.(\d+)\./.exec(name)?.[1];
    if (block !== undefined) blocks = Math.max(blocks, Number(block) + 1);
  }
  return blocks;
}
