/**
 * Reads weights out of checkpoint files into f32 arrays. Small pieces keep the memory at the arrays' own size; reads block,
 * this is the worker's thread.
 */
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import { widenToF32 } from '#shared/tensor/convert.ts';
import { bytesPerElement, elementCount, type Shape, viewBytes } from '#shared/tensor/tensor.ts';
import type { Weight } from '#shared/tensor/weight.ts';
import type { SharedWeights } from '../protocol.ts';

/** Stays in the processor's cache between reading and widening; a multiple of every element size. */
const PIECE_BYTES = 4 * 2 ** 20;
/** One read takes at most 2^31 - 1 bytes. */
const MAX_READ_BYTES = 2 ** 30;

interface OpenFile {
  readonly path: string;
  readonly descriptor: number;
}

function unreadable(path: string, what: string, cause?: unknown): MeshError {
  return new MeshError('FILE_UNREADABLE', `${path} ${what}`, { file: path }, { cause });
}

/** Fills `bytes` from `position` of the file. */
function fill({ path, descriptor }: OpenFile, bytes: Uint8Array, position: number): void {
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(bytes.length - done, MAX_READ_BYTES);
    const count = readSync(descriptor, bytes, done, length, position + done);
    if (count === 0) throw unreadable(path, 'ends too early: it was cut short, download it again.');
    done += count;
  }
}

function readWidened(file: OpenFile, { dtype, location }: Weight, out: Float32Array): void {
  const piece = new Uint8Array(Math.min(PIECE_BYTES, location.length));
  for (let start = 0; start < location.length; start += PIECE_BYTES) {
    const bytes = piece.subarray(0, Math.min(PIECE_BYTES, location.length - start));
    fill(file, bytes, location.offset + start);
    const first = start / bytesPerElement(dtype);
    const values = viewBytes(dtype, bytes);
    widenToF32(dtype, values, out.subarray(first, first + values.length));
  }
}

/** Memory for a weight's elements. */
type Allocate<Memory extends ArrayBufferLike> = (count: number) => Float32Array<Memory>;

function readWeight<Memory extends ArrayBufferLike>(
  file: OpenFile,
  weight: Weight,
  allocate: Allocate<Memory>,
): Float32Array<Memory> {
  const count = elementCount(weight.shape);
  if (weight.location.length !== count * bytesPerElement(weight.dtype)) {
    throw unreadable(
      file.path,
      `holds ${weight.location.length} bytes for ${weight.name}, not ${count} of ${weight.dtype}.`,
    );
  }
  const array = allocate(count);
  if (weight.dtype === 'f32') fill(file, new Uint8Array(array.buffer), weight.location.offset);
  else readWidened(file, weight, array);
  if (weight.isTransposed) transpose(array, weight.shape);
  return array;
}

/** In place, through a copy: one small matrix of a checkpoint is stored so. */
function transpose(array: Float32Array, [rows = 1, columns = 1]: Shape): void {
  const stored = Float32Array.from(array);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) array[row * columns + column] = stored[column * rows + row]!;
  }
}

function open(path: string): OpenFile {
  try {
    return { path, descriptor: openSync(path, 'r') };
  } catch (cause) {
    throw unreadable(
      path,
      `cannot be opened: check that it exists and may be read. (${(cause as Error).message})`,
      cause,
    );
  }
}

function sameContent(before: Stats, after: Stats): boolean {
  return before.mtimeMs === after.mtimeMs && before.size === after.size;
}

function readFile<Memory extends ArrayBufferLike>(
  path: string,
  weights: readonly Weight[],
  allocate: Allocate<Memory>,
): Array<[string, Float32Array<Memory>]> {
  const file = open(path);
  try {
    const before = fstatSync(file.descriptor);
    const inOrder = weights.toSorted((a, b) => a.location.offset - b.location.offset);
    const arrays = inOrder.map(
      (weight) => [weight.name, readWeight(file, weight, allocate)] as [string, Float32Array<Memory>],
    );
    if (sameContent(before, fstatSync(file.descriptor))) return arrays;
    throw unreadable(path, 'changed while it was read: load it again when it is complete.');
  } finally {
    closeSync(file.descriptor);
  }
}

/**
 * The weights by name, each in an array of its own, widened to f32.
 * @throws MeshError FILE_UNREADABLE when a file is gone, too short, or changes while it is read
 */
export function readWeights(folder: string, weights: readonly Weight[]): Map<string, Float32Array<ArrayBuffer>> {
  return readFiles(folder, weights, (count) => new Float32Array(count));
}

/** The same in memory that other threads may read. @throws as {@link readWeights} */
export function readSharedWeights(folder: string, weights: readonly Weight[]): SharedWeights {
  return readFiles(
    folder,
    weights,
    (count) => new Float32Array(new SharedArrayBuffer(count * Float32Array.BYTES_PER_ELEMENT)),
  );
}

function readFiles<Memory extends ArrayBufferLike>(
  folder: string,
  weights: readonly Weight[],
  allocate: Allocate<Memory>,
): Map<string, Float32Array<Memory>> {
  const files = Map.groupBy(weights, (weight) => weight.location.file);
  return new Map([...files].flatMap(([file, ofFile]) => readFile(join(folder, file), ofFile, allocate)));
}
