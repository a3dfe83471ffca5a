/** The weights of a network in parts that are read one after the other, so that a device's runs go on in between. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import type { Weight } from '#shared/tensor/weight.ts';

/** Bytes of files in one part: some 100 ms of reading. */
const PART_BYTES = 128 * 2 ** 20;

/** In the order of their files; without weights one empty part, which makes the set all the same. */
export function inParts(weights: readonly Weight[], partBytes = PART_BYTES): Weight[][] {
  const parts: Weight[][] = [[]];
  let bytes = 0;
  for (const weight of weights.toSorted(byPlace)) {
    if (bytes >= partBytes) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(weight);
    bytes += weight.location.length;
  }
  return parts;
}

/** @throws MeshError FILE_UNREADABLE when a file of the weights is another after the work than before */
export async function whileUnchanged<T>(
  folder: string,
  weights: readonly Weight[],
  work: () => Promise<T>,
): Promise<T> {
  const files = [...new Set(weights.map(({ location }) => join(folder, location.file)))];
  const before = await Promise.all(files.map(versionOf));
  const result = await work();
  const after = await Promise.all(files.map(versionOf));
  const changed = files.find((_, i) => before[i] !== after[i]);
  if (changed === undefined) return result;
  const text = `${changed} changed while it was read: load it again when it is complete.`;
  throw new MeshError('FILE_UNREADABLE', text, { file: changed });
}

/** What cannot be looked at is told of by whoever reads it. */
async function versionOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return 'gone';
  }
}

function byPlace(a: Weight, b: Weight): number {
  return a.location.file.localeCompare(b.location.file) || a.location.offset - b.location.offset;
}
