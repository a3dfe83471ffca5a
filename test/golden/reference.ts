/** Support for tests against recorded numbers: reading them, and comparing with the one measure of difference. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { openSafetensors, readTensors } from '#shared/checkpoint/safetensors.ts';
import { showShape, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';

/** Path of a file of recorded numbers, relative to `test/golden/data`. */
export function goldenPath(...parts: string[]): string {
  return join(import.meta.dirname, 'data', ...parts);
}

/** Every tensor of a file. */
export async function loadSafetensors(path: string): Promise<TensorMap> {
  const file = await openSafetensors(path);
  return Object.fromEntries(await readTensors(file, file.tensors.keys()));
}

/** max |got − want| / max |want|: the measure in which every tolerance is stated. */
export function relativeError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    // NaN has to fail: Math.max keeps it.
    difference = Math.max(difference, Math.abs(got[i]! - want[i]!));
    largest = Math.max(largest, Math.abs(want[i]!));
  }
  return difference / (largest || 1);
}

/** Fails with name, shapes, first five pairs and the difference when a tensor is not the recorded one. */
export function expectClose(name: string, got: Tensor, want: Tensor, tolerance: number): void {
  expect(showShape(got.shape), `shape of ${name}`).toBe(showShape(want.shape));
  const [gotData, wantData] = [got.data, want.data] as ArrayLike<number>[] as [ArrayLike<number>, ArrayLike<number>];
  const error = relativeError(gotData, wantData);
  const pairs = Array.from({ length: Math.min(5, wantData.length) }, (_, i) => `${gotData[i]} / ${wantData[i]}`);
  const report = `${name} ${showShape(want.shape)}: off by ${error}, allowed ${tolerance}; got / want: ${pairs.join(', ')}`;
  expect(error <= tolerance, report).toBe(true);
}
