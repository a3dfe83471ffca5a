/** Values of a stored float tensor as f32. */
import { widenToF32 } from '#shared/tensor/convert.ts';
import type { Tensor } from '#shared/tensor/tensor.ts';

/** The values, widened or (f64) rounded; `undefined` when the tensor is not of floats. */
export function toF32({ dtype, data }: Tensor): Float32Array | undefined {
  if (dtype !== 'f32' && dtype !== 'f16' && dtype !== 'bf16' && dtype !== 'f64') return undefined;
  const out = new Float32Array(data.length);
  widenToF32(dtype, data as Float32Array, out);
  return out;
}
