/** Limits on what a configuration may ask for, and the relations between its numbers. */
import type { ConfigReader, Limits } from './config-reader.ts';

/** Any width; the widest layer of Stable Diffusion has 10 240. */
export const CHANNELS: Limits = { min: 1, max: 16_384 };
/** Layers in a row; CLIP bigG has 32. */
export const LAYERS: Limits = { min: 1, max: 64 };

/** @throws MeshError CONFIG_INVALID when there is not one `value` per block. */
export function requireSameLength(
  reader: ConfigReader,
  key: string,
  value: readonly unknown[],
  blocks: readonly unknown[],
): void {
  if (value.length !== blocks.length) throw reader.invalid(key, `${blocks.length} long, as block_out_channels is`);
}

/** @throws MeshError CONFIG_INVALID when a width is no multiple of the groups or heads it is split into. */
export function requireDivisible(reader: ConfigReader, key: string, widths: readonly number[], parts: number): void {
  const odd = widths.find((width) => width % parts !== 0);
  if (odd !== undefined) throw reader.invalid(key, `a divisor of the ${odd} channels it splits`);
}
