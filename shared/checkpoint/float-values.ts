/** Which stored tensors are of floats, and their values as f32. */
import { widenToF32 } from '#shared/tensor/convert.ts';
import type { DType, Tensor } from '#shared/tensor/tensor.ts';
import type { WeightDType } from '#shared/tensor/weight.ts';

const FLOATS: ReadonlySet<DType> = new Set<WeightDType>(['f32', 'f16', 'bf16', 'f64']);

/** Whether a tensor of this dtype can be a weight or a part of one. */
export function isFloat(dtype: DType): dtype is WeightDType {
  return FLOATS.has(dtype);
}

/** The values, widened or (f64) rounded; `undefined` when the tensor is not of floats. */
export function toF32({ dtype, data }: Tensor): Float32Array | undefined {
  if (!isFloat(dtype)) return undefined;
  const out = new Float32Array(data.length);
  widenToF32(dtype, data as Float32Array, out);
  return out;
}
