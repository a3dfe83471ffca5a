/** One weight set, seen from the caller's side: names and shapes; the arrays are the worker's. */
import { randomUUID } from 'node:crypto';
import { bytesPerElement, elementCount, type Shape, type TensorMap } from '#shared/tensor/tensor.ts';
import type { Weight } from '#shared/tensor/weight.ts';
import type { WeightSet } from './device.ts';
import type { DeviceWorker } from './device-worker.ts';
import { type Factors, pairFactors } from './factors.ts';

type Shapes = ReadonlyMap<string, Shape>;

/** Bytes of these weights as f32. */
function widenedBytes(shapes: Iterable<Shape>): number {
  return [...shapes].reduce((sum, shape) => sum + elementCount(shape) * bytesPerElement('f32'), 0);
}

/** See the head of this file. */
export class WorkerWeightSet implements WeightSet {
  readonly id: string;
  readonly ownBytes: number;
  readonly #worker: DeviceWorker;
  readonly #shapes: Shapes;
  #released: Promise<void> | undefined;

  private constructor(worker: DeviceWorker, id: string, { shapes, ownBytes }: { shapes: Shapes; ownBytes: number }) {
    this.#worker = worker;
    this.id = id;
    this.#shapes = shapes;
    this.ownBytes = ownBytes;
  }

  /** The base set: all of its arrays are its own. */
  static loaded(worker: DeviceWorker, id: string, weights: ReadonlyMap<string, Weight>): WorkerWeightSet {
    const shapes = new Map([...weights].map(([name, weight]) => [name, weight.shape]));
    return new WorkerWeightSet(worker, id, { shapes, ownBytes: widenedBytes(shapes.values()) });
  }

  async patch(factors: TensorMap): Promise<WeightSet> {
    const pairs = pairFactors(factors, this.#shapes);
    const derived = await this.#derive(pairs);
    try {
      for (const pair of pairs) await derived.#patchWeight(pair);
    } catch (thrown) {
      await derived.release();
      throw thrown;
    }
    return derived;
  }

  release(): Promise<void> {
    this.#released ??= this.#worker.free('releaseWeights', { set: this.id });
    return this.#released;
  }

  async #derive(pairs: readonly Factors[]): Promise<WorkerWeightSet> {
    const set = randomUUID();
    await this.#worker.perform('deriveWeights', { set, base: this.id });
    const ownBytes = widenedBytes(pairs.map(({ weight }) => this.#shapes.get(weight)!));
    return new WorkerWeightSet(this.#worker, set, { shapes: this.#shapes, ownBytes });
  }

  /** Factors are copied first: cloning a view across threads would clone the whole buffer that it is a view of. */
  #patchWeight({ weight, up, down }: Factors): Promise<void> {
    const request = {
      set: this.id,
      weight,
      up: { ...up, data: up.data.slice() },
      down: { ...down, data: down.data.slice() },
    };
    const buffers = [request.up.data.buffer, request.down.data.buffer] as ArrayBuffer[];
    return this.#worker.turn((call) => call('patchWeight', request, buffers), { isBackground: true });
  }
}
