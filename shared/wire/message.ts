/** What travels between actors: a small structured body, and tensors beside it. */
import type { TensorMap } from '#shared/tensor/tensor.ts';

/** See the head of this file. */
export interface Message {
  /** Plain data (msgpack): numbers, strings, booleans, null, arrays, objects, bytes. */
  readonly body: unknown;
  readonly tensors: TensorMap;
}

/** A message of a body and, where there are any, tensors by name. */
export function message(body: unknown, tensors: TensorMap = {}): Message {
  return { body, tensors };
}
