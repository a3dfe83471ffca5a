/** Values that say nothing, where only their shape matters. */
import type { Port } from '#shared/graph/graph-model.ts';
import { bytesPerElement, elementCount, type Tensor, tensor, viewBytes } from '#shared/tensor/tensor.ts';

/** A new tensor of zeros that fits a port. */
export function zeros({ dtype, shape }: Port): Tensor {
  const bytes = new Uint8Array(elementCount(shape) * bytesPerElement(dtype));
  return tensor(dtype, shape, viewBytes(dtype, bytes));
}
