/** The border between our tensors and onnxruntime's. */
import { Tensor as OrtTensor } from 'onnxruntime-node';
import { MeshError } from '#shared/errors/errors.ts';
import type { Port } from '#shared/graph/graph-model.ts';
import type { DType, Shape, Tensor } from '#shared/tensor/tensor.ts';

/** No f16, bf16: the binding reads an f16 tensor as empty on Node 23 and later, and knows no bf16. */
const TYPES = {
  f32: 'float32',
  f64: 'float64',
  i64: 'int64',
  i32: 'int32',
  i16: 'int16',
  i8: 'int8',
  u32: 'uint32',
  u16: 'uint16',
  u8: 'uint8',
  bool: 'bool',
} as const satisfies Partial<Record<DType, OrtTensor.Type>>;

/** @throws MeshError WRONG_SHAPE for a dtype that cannot enter a graph */
export function toOrt({ dtype, shape, data }: Tensor): OrtTensor {
  if (dtype === 'f16' || dtype === 'bf16') {
    throw new MeshError('WRONG_SHAPE', `${dtype} cannot enter or leave a graph: widen it to f32 first.`, { dtype });
  }
  return new OrtTensor(TYPES[dtype], data as OrtTensor.DataType, shape);
}

/** An f32 array as a tensor. */
export function floats(data: Float32Array, shape: Shape): OrtTensor {
  return new OrtTensor('float32', data, shape);
}

/** A result, by the port it came out of; copied when its buffer stays here as well. */
export function fromOrt(result: OrtTensor, { dtype, shape }: Port, isKept: boolean): Tensor {
  const data = result.data as Tensor['data'];
  return { dtype, shape, data: isKept ? data.slice() : data };
}
