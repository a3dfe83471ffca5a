/**
 * Embeddings of a weighted prompt, in A1111's arithmetic ("Original"): tokens times their weights, then the whole chunk back to the
 * mean it had.
 */
import { f32, type Tensor } from '#shared/tensor/tensor.ts';
import type { Chunk } from './chunks.ts';

/**
 * embedding   f32 [1, T, D]
 * weights     f32 [T]
 * returns     the same shape; the embedding itself where nothing is weighted
 */
export function emphasize(embedding: Tensor<'f32'>, weights: Float32Array): Tensor<'f32'> {
  if (weights.every((weight) => weight === 1)) return embedding;
  const { data, shape } = embedding;
  const width = data.length / weights.length;
  const weighted = data.map((value, i) => value * weights[Math.floor(i / width)]!);
  const factor = sum(data) / sum(weighted);
  return f32(
    shape,
    weighted.map((value) => value * factor),
  );
}

/**
 * Embeds chunk by chunk, one behind the other.
 *
 * embed     ids i32 [T] → f32 [1, T, D]
 * returns   f32 [1, chunks · T, D]
 */
export async function embedChunks(
  chunks: readonly Chunk[],
  embed: (ids: Int32Array) => Promise<Tensor<'f32'>>,
): Promise<Tensor<'f32'>> {
  const parts: Tensor<'f32'>[] = [];
  for (const { ids, weights } of chunks) parts.push(emphasize(await embed(ids), weights));
  return joinTokens(parts);
}

/** B prompts as one tensor, f32 [B, T, D]; those that are shorter than others repeat their last token, as in A1111. */
export function joinBatch(parts: readonly Tensor<'f32'>[]): Tensor<'f32'> {
  const tokens = Math.max(...parts.map(({ shape }) => shape[1]!));
  return stack(parts.map((part) => stretchTokens(part, tokens)));
}

/** f32 [1, …] each, of one shape → f32 [B, …] */
export function stack(rows: readonly Tensor<'f32'>[]): Tensor<'f32'> {
  const { data, shape } = rows[0]!;
  const all = new Float32Array(data.length * rows.length);
  for (const [i, row] of rows.entries()) all.set(row.data, i * data.length);
  return f32([rows.length, ...shape.slice(1)], all);
}

/** f32 [1, T, D] and f32 [1, T′, D] → f32 [1, T + T′, D] */
function joinTokens(parts: readonly Tensor<'f32'>[]): Tensor<'f32'> {
  const tokens = parts.reduce((total, { shape }) => total + shape[1]!, 0);
  const width = parts[0]!.shape[2]!;
  const joined = new Float32Array(tokens * width);
  let at = 0;
  for (const { data } of parts) {
    joined.set(data, at);
    at += data.length;
  }
  return f32([1, tokens, width], joined);
}

function stretchTokens(embedding: Tensor<'f32'>, tokens: number): Tensor<'f32'> {
  const [, own, width] = embedding.shape as [number, number, number];
  if (own === tokens) return embedding;
  const last = f32([1, 1, width], embedding.data.slice(-width));
  return joinTokens([embedding, ...Array.from({ length: tokens - own }, () => last)]);
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0);
}
