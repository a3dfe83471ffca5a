/** One weight set, seen from the caller's side: names and shapes; the arrays are the worker's. */
import { randomUUID } from 'node:crypto';
import { MeshError } from '#shared/errors/errors.ts';
import { bytesPerElement, elementCount, type Shape, type TensorMap } from '#shared/tensor/tensor.ts';
import type { WeightSet } from './device.ts';
import type { DeviceWorker } from './device-worker.ts';
import { type Factors, pairFactors } from './factors.ts';
import type { PatchWorker } from './patch-worker.ts';
import type { SharedWeights } from './protocol.ts';

type Shapes = ReadonlyMap<string, Shape>;

/** What a base set is patched with. */
export interface Patching {
  readonly worker: PatchWorker;
  readonly weights: SharedWeights;
}

interface SetParts {
  readonly id: string;
  readonly shapes: Shapes;
  readonly ownBytes: number;
  readonly patching?: Patching;
}

/** See the head of this file. */
export class WorkerWeightSet implements WeightSet {
  readonly id: string;
  readonly ownBytes: number;
  readonly #worker: DeviceWorker;
  readonly #shapes: Shapes;
  #patching: Patching | undefined;
  #released: Promise<void> | undefined;

  private constructor(worker: DeviceWorker, { id, shapes, ownBytes, patching }: SetParts) {
    this.#worker = worker;
    this.id = id;
    this.#shapes = shapes;
    this.ownBytes = ownBytes;
    this.#patching = patching;
  }

  /** The base set: all of its arrays are its own. Without `patching` it cannot be patched. */
  static loaded(
    worker: DeviceWorker,
    { id, shapes, patching }: { id: string; shapes: Shapes; patching?: Patching },
  ): WorkerWeightSet {
    const ownBytes = widenedBytes(shapes.values());
    return new WorkerWeightSet(worker, { id, shapes, ownBytes, ...(patching && { patching }) });
  }

  async patch(factors: TensorMap, signal?: AbortSignal): Promise<WeightSet> {
    const pairs = pairFactors(factors, this.#shapes);
    const replaced = await this.#multiply(pairs, signal);
    const id = randomUUID();
    const buffers = [...replaced.values()].map((array) => array.buffer);
    const order = { set: id, base: this.id, replaced };
    await this.#worker.turn((call) => call('deriveWeights', order, buffers), { signal });
    const ownBytes = widenedBytes(pairs.map(({ weight }) => this.#shapes.get(weight)!));
    return new WorkerWeightSet(this.#worker, { id, shapes: this.#shapes, ownBytes });
  }

  release(): Promise<void> {
    this.#patching = undefined;
    this.#released ??= this.#worker.free('releaseWeights', { set: this.id });
    return this.#released;
  }

  async #multiply(
    pairs: readonly Factors[],
    signal: AbortSignal | undefined,
  ): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    if (!this.#patching) throw new MeshError('INTERNAL', 'This weight set was not loaded to be patched.');
    const { worker, weights } = this.#patching;
    const replaced = new Map<string, Float32Array<ArrayBuffer>>();
    for (const pair of pairs) {
      if (signal?.aborted) throw MeshError.fromAbort(signal);
      replaced.set(pair.weight, await worker.patched(weights.get(pair.weight)!, pair));
    }
    return replaced;
  }
}

/** Bytes of these weights as f32. */
function widenedBytes(shapes: Iterable<Shape>): number {
  return [...shapes].reduce((sum, shape) => sum + elementCount(shape) * bytesPerElement('f32'), 0);
}
