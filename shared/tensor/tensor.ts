/** Tensors as plain data, and the checks everyone makes of them. Owns dtype sizes; knows no file, wire or runtime. */
import { MeshError } from '#shared/errors/errors.ts';

/** Element types. `f16` and `bf16` are raw bits; `i64` is BigInt64Array. */
export type DType = 'f32' | 'f16' | 'bf16' | 'f64' | 'i64' | 'i32' | 'i16' | 'i8' | 'u8' | 'u16' | 'u32' | 'bool';

/** The typed array that holds each dtype. */
export interface DataOf {
  f32: Float32Array;
  f16: Uint16Array;
  bf16: Uint16Array;
  f64: Float64Array;
  i64: BigInt64Array;
  i32: Int32Array;
  i16: Int16Array;
  i8: Int8Array;
  u8: Uint8Array;
  u16: Uint16Array;
  u32: Uint32Array;
  bool: Uint8Array;
}

const ARRAYS = {
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  f64: Float64Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i16: Int16Array,
  i8: Int8Array,
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  bool: Uint8Array,
} as const;

/** Sizes of the axes, outermost first; empty for a scalar. */
export type Shape = readonly number[];

/** Row-major data with its shape; `data.length` equals the product of `shape`. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: DataOf[D];
}

/** Named tensors: the inputs or outputs of one network run, or what one message carries. */
export type TensorMap = Readonly<Record<string, Tensor>>;

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/** Number of elements; 1 for a scalar. */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Bytes of a tensor's data. */
export function sizeBytes(tensor: Tensor): number {
  return elementCount(tensor.shape) * bytesPerElement(tensor.dtype);
}

/** `[2, 4, 8, 8]`, as it stands in messages. */
export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Whether two shapes have the same axes of the same sizes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

/** @throws MeshError WRONG_SHAPE when the data does not fill the shape. */
export function tensor<D extends DType>(dtype: D, shape: Shape, data: DataOf[D]): Tensor<D> {
  if (data.length !== elementCount(shape)) {
    throw new MeshError('WRONG_SHAPE', `${data.length} elements do not fill ${showShape(shape)}.`, {
      expected: elementCount(shape),
      got: data.length,
      shape,
    });
  }
  return { dtype, shape, data };
}

/** The common case: an f32 tensor. */
export function f32(shape: Shape, data: Float32Array = new Float32Array(elementCount(shape))): Tensor<'f32'> {
  return tensor('f32', shape, data);
}

/**
 * A typed view of bytes, without a copy where the offset is aligned, a copy otherwise.
 * @throws MeshError WRONG_SHAPE when the bytes are not a whole number of elements.
 */
export function viewBytes<D extends DType>(dtype: D, bytes: Uint8Array): DataOf[D] {
  const size = bytesPerElement(dtype);
  if (bytes.byteLength % size !== 0) {
    throw new MeshError('WRONG_SHAPE', `${bytes.byteLength} bytes are no whole number of ${dtype} elements.`);
  }
  // Not slice(): that of a Buffer is a view.
  const source = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const ArrayType = ARRAYS[dtype];
  return new ArrayType(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength / size) as DataOf[D];
}

/** The bytes of a tensor's data, without a copy. */
export function dataBytes(value: Tensor): Uint8Array {
  return new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength);
}

/** Narrows the dtype. @throws MeshError WRONG_SHAPE when it is another. */
export function asDType<D extends DType>(value: Tensor, dtype: D, name = 'tensor'): Tensor<D> {
  if (value.dtype !== dtype) {
    throw new MeshError('WRONG_SHAPE', `${name} is ${value.dtype}, ${dtype} is needed.`, {
      name,
      expected: dtype,
      got: value.dtype,
    });
  }
  return value as Tensor<D>;
}

/** Requires a tensor of this name, dtype and shape. @throws MeshError WRONG_SHAPE otherwise. */
export function pick<D extends DType>(tensors: TensorMap, name: string, dtype: D, shape?: Shape): Tensor<D> {
  const found = tensors[name];
  if (!found) throw new MeshError('WRONG_SHAPE', `Tensor ${name} is missing.`, { name, present: Object.keys(tensors) });
  const typed = asDType(found, dtype, name);
  if (shape && !sameShape(typed.shape, shape)) {
    throw new MeshError('WRONG_SHAPE', `${name} is ${showShape(typed.shape)}, ${showShape(shape)} is needed.`, {
      name,
      expected: shape,
      got: typed.shape,
    });
  }
  return typed;
}
