/** The halves of guidance as one batch. */
import { f32, type Tensor } from '#shared/tensor/tensor.ts';

/**
 * [unconditional | conditional].
 *
 * negative, prompt  f32 [B, T, D]
 * returns           f32 [2B, T, D]
 */
export function joinHalves(negative: Tensor<'f32'>, prompt: Tensor<'f32'>): Tensor<'f32'> {
  const data = new Float32Array(prompt.data.length * 2);
  data.set(negative.data);
  data.set(prompt.data, negative.data.length);
  return f32([prompt.shape[0]! * 2, ...prompt.shape.slice(1)], data);
}
