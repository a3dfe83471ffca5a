/** Writing safetensors files, tensor by tensor, for scripts and tests: a file may be larger than memory. */
import { open, rename, rm } from 'node:fs/promises';
import {
  bytesPerElement,
  type DType,
  dataBytes,
  elementCount,
  type Shape,
  type TensorMap,
} from '#shared/tensor/tensor.ts';
import { formatDType } from './safetensors-header.ts';

/** A tensor whose bytes are made when it is its turn. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Pieces that add up to the tensor's size. */
  bytes(): Iterable<Uint8Array>;
}

/** The tensors of a map, ready to be written. */
export function tensorsToWrite(tensors: TensorMap): TensorToWrite[] {
  return Object.entries(tensors).map(([name, tensor]) => ({ name, ...tensor, bytes: () => [dataBytes(tensor)] }));
}

/**
 * Writes a file under a temporary name and renames it, so that a reader sees all of it or nothing.
 *
 * Larger elements come first and the data begin at a multiple of 8 bytes: every tensor is aligned to its own element size.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Promise<void> {
  const ordered = [...tensors].sort(byAlignment);
  const partial = `${path}.partial`;
  try {
    {
      await using file = await open(partial, 'w');
      await file.appendFile(headerBytes(ordered, metadata));
      for (const tensor of ordered) for (const bytes of tensor.bytes()) await file.appendFile(bytes);
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

function byAlignment(a: TensorToWrite, b: TensorToWrite): number {
  return bytesPerElement(b.dtype) - bytesPerElement(a.dtype) || (a.name < b.name ? -1 : 1);
}

function headerBytes(tensors: readonly TensorToWrite[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let begin = 0;
  for (const { name, dtype, shape } of tensors) {
    const end = begin + elementCount(shape) * bytesPerElement(dtype);
    header[name] = { dtype: formatDType(dtype), shape, data_offsets: [begin, end] };
    begin = end;
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = Buffer.alloc(8 + padded, ' ');
  bytes.writeBigUInt64LE(BigInt(padded));
  json.copy(bytes, 8);
  return bytes;
}
