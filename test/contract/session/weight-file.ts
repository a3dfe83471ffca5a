/** A folder with one raw file of weights, laid out one after the other. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import { type DataOf, dataBytes, type Shape, tensor } from '#shared/tensor/tensor.ts';
import type { Weight, WeightDType, WeightSource } from '#shared/tensor/weight.ts';

export interface StoredWeight<D extends WeightDType = WeightDType> {
  readonly dtype: D;
  readonly shape: Shape;
  readonly data: DataOf[D];
}

export class WeightFile implements WeightSource {
  readonly folder = mkdtempSync(join(tmpdir(), 'weights-'));
  readonly path = join(this.folder, 'weights.bin');
  readonly weights: readonly Weight[];

  constructor(stored: Readonly<Record<string, StoredWeight>>) {
    const parts = Object.values(stored).map(({ dtype, shape, data }) => dataBytes(tensor(dtype, shape, data)));
    let offset = 0;
    this.weights = Object.entries(stored).map(([name, { dtype, shape }], i) => {
      const location = { file: 'weights.bin', offset, length: parts[i]!.length };
      offset += location.length;
      return { name, dtype, shape, location };
    });
    writeFileSync(this.path, Buffer.concat(parts));
  }

  get(name: string): Weight {
    const weight = this.weights.find((one) => one.name === name);
    if (!weight) throw new MeshError('WEIGHT_MISSING', `There is no ${name}.`);
    return weight;
  }

  has(name: string): boolean {
    return this.weights.some((one) => one.name === name);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
