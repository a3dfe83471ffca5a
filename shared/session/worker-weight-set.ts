/** One weight set, seen from the caller's side: names and shapes; the arrays are the worker's. */
import { randomUUID } from 'node:crypto';
import { MeshError } from '#shared/errors/errors.ts';
import type { Branches } from '#shared/graph/graph-model.ts';
import type { Shape, TensorMap } from '#shared/tensor/tensor.ts';
import { widenedBytes } from '#shared/tensor/weight.ts';
import { type BranchFactors, branchFactors } from './branch-factors.ts';
import type { WeightSet } from './device.ts';
import type { DeviceWorker } from './device-worker.ts';
import { type Factors, pairFactors } from './factors.ts';
import type { PatchWorker } from './patch-worker.ts';
import type { SharedWeights } from './protocol.ts';

type Shapes = ReadonlyMap<string, Shape>;

/** How a base set is patched: by other arrays in the place of its own, or by factors beside constants. */
export type Patching = { readonly worker: PatchWorker; readonly weights: SharedWeights } | 'branches';

/** What a patched set has of its own. */
type OwnArrays = Pick<BranchFactors, 'arrays'> & Partial<Pick<BranchFactors, 'branches'>>;

interface SetParts {
  readonly id: string;
  readonly shapes: Shapes;
  readonly ownBytes: number;
  readonly branches?: Branches;
  readonly patching?: Patching;
}

/** See the head of this file. */
export class WorkerWeightSet implements WeightSet {
  readonly id: string;
  readonly ownBytes: number;
  readonly branches?: Branches;
  readonly #worker: DeviceWorker;
  readonly #shapes: Shapes;
  #patching: Patching | undefined;
  #released: Promise<void> | undefined;

  private constructor(worker: DeviceWorker, { id, shapes, ownBytes, branches, patching }: SetParts) {
    this.#worker = worker;
    this.id = id;
    this.#shapes = shapes;
    this.ownBytes = ownBytes;
    if (branches) this.branches = branches;
    this.#patching = patching;
  }

  /** The base set: its arrays are its own, if it has any. Without `patching` it cannot be patched. */
  static loaded(
    worker: DeviceWorker,
    { id, shapes, patching }: { id: string; shapes: Shapes; patching?: Patching },
  ): WorkerWeightSet {
    const ownBytes = patching === 'branches' ? 0 : widenedBytes(shapes.values());
    return new WorkerWeightSet(worker, { id, shapes, ownBytes, ...(patching && { patching }) });
  }

  async patch(factors: TensorMap, signal?: AbortSignal): Promise<WeightSet> {
    const pairs = pairFactors(factors, this.#shapes);
    const { arrays, branches } = await this.#ownArrays(pairs, signal);
    const id = randomUUID();
    const buffers = [...arrays.values()].map((array) => array.buffer);
    const ownBytes = buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0);
    const order = { set: id, base: this.id, replaced: arrays };
    await this.#worker.turn((call) => call('deriveWeights', order, buffers), { signal });
    return new WorkerWeightSet(this.#worker, { id, shapes: this.#shapes, ownBytes, ...(branches && { branches }) });
  }

  bytesWith(weights: Iterable<string>): number {
    return widenedBytes(
      [...weights].flatMap((weight) => (this.#shapes.has(weight) ? [this.#shapes.get(weight)!] : [])),
    );
  }

  release(): Promise<void> {
    this.#patching = undefined;
    this.#released ??= this.#worker.free('releaseWeights', { set: this.id });
    return this.#released;
  }

  async #ownArrays(pairs: readonly Factors[], signal: AbortSignal | undefined): Promise<OwnArrays> {
    if (!this.#patching) throw new MeshError('INTERNAL', 'This weight set was not loaded to be patched.');
    if (this.#patching === 'branches') return branchFactors(pairs);
    const { worker, weights } = this.#patching;
    const arrays = new Map<string, Float32Array<ArrayBuffer>>();
    for (const pair of pairs) {
      if (signal?.aborted) throw MeshError.fromAbort(signal);
      arrays.set(pair.weight, await worker.patched(weights.get(pair.weight)!, pair));
    }
    return { arrays };
  }
}
