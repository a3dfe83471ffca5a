/** One weight set, seen from the caller's side: names and shapes; the arrays are the worker's. */
import { randomUUID } from 'node:crypto';
import { bytesPerElement, elementCount, type Shape, type TensorMap } from '#shared/tensor/tensor.ts';
import type { Weight } from '#shared/tensor/weight.ts';
import type { WeightSet } from './device.ts';
import type { Call, DeviceWorker } from './device-worker.ts';
import { type Factors, pairFactors } from './factors.ts';

type Shapes = ReadonlyMap<string, Shape>;

/** Elements of the weights that are patched in one turn: some 50 ms of work, so that neither runs nor the patch wait for long. */
const TURN_ELEMENTS = 16 * 2 ** 20;

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
      for (const turn of inTurns(pairs, this.#shapes)) await derived.#patchWeights(turn);
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

  #patchWeights(pairs: readonly Factors[]): Promise<void> {
    const patchAll = async (call: Call): Promise<void> => {
      for (const pair of pairs) await this.#patchWeight(call, pair);
    };
    return this.#worker.turn(patchAll, { isBackground: true });
  }

  /** Factors are copied first: cloning a view across threads would clone the whole buffer that it is a view of. */
  async #patchWeight(call: Call, { weight, up, down }: Factors): Promise<void> {
    const request = {
      set: this.id,
      weight,
      up: { ...up, data: up.data.slice() },
      down: { ...down, data: down.data.slice() },
    };
    const buffers = [request.up.data.buffer, request.down.data.buffer] as ArrayBuffer[];
    await call('patchWeight', request, buffers);
  }
}

/** Neighbours together as far as their weights fit into one turn; a larger weight has a turn of its own. */
function inTurns(pairs: readonly Factors[], shapes: Shapes): Factors[][] {
  const turns: Factors[][] = [];
  let elements = Number.POSITIVE_INFINITY;
  for (const pair of pairs) {
    const count = elementCount(shapes.get(pair.weight)!);
    if (elements + count > TURN_ELEMENTS) {
      turns.push([]);
      elements = 0;
    }
    turns.at(-1)!.push(pair);
    elements += count;
  }
  return turns;
}
