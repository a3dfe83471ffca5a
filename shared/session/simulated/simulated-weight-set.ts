/** Weights of a simulated device: names, shapes and the bytes that the imitated ones would take. */
import { randomUUID } from 'node:crypto';
import { MeshError } from '#shared/errors/errors.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import type { Shape, TensorMap } from '#shared/tensor/tensor.ts';
import { type Weight, widenedBytes } from '#shared/tensor/weight.ts';
import type { WeightSet } from '../device.ts';
import { pairFactors } from '../factors.ts';
import type { Engine } from './engine.ts';
import { patchMs } from './service-time.ts';
import type { SimulatedParts } from './simulated-parts.ts';

type Shapes = ReadonlyMap<string, Shape>;

/** Whether weights are a ControlNet's: it is the only network with zero convolutions. */
export function isControlNet(weights: readonly Weight[]): boolean {
  return weights.some(({ name }) => name.startsWith('controlnet_'));
}

/** See the head of this file. */
export class SimulatedWeightSet implements WeightSet {
  readonly id = randomUUID();
  readonly ownBytes: number;
  readonly #parts: SimulatedParts;
  readonly #shapes: Shapes;
  #isReleased = false;

  private constructor(parts: SimulatedParts, shapes: Shapes, ownBytes: number) {
    this.#parts = parts;
    this.#shapes = shapes;
    this.ownBytes = ownBytes;
  }

  /** The base set: for a ControlNet as large as the imitated one, else what it takes here. */
  static loaded(parts: SimulatedParts, weights: readonly Weight[]): SimulatedWeightSet {
    const shapes = new Map(weights.map(({ name, shape }) => [name, shape]));
    return new SimulatedWeightSet(
      parts,
      shapes,
      isControlNet(weights) ? parts.profile.controlnet.bytes : widenedBytes(shapes.values()),
    );
  }

  async patch(factors: TensorMap, signal?: AbortSignal): Promise<WeightSet> {
    const { profile, beside } = this.#parts;
    const count = pairFactors(factors, this.#shapes).length;
    if (this.#isReleased) throw released();
    const patching = async (copier: Engine): Promise<WeightSet> => {
      await copier.work(count === 0 ? 0 : patchMs(profile, factors));
      return new SimulatedWeightSet(this.#parts, this.#shapes, count === 0 ? 0 : profile.lora.bytes);
    };
    return beside(patching, { signal });
  }

  bytesWith(weights: Iterable<string>): number {
    return widenedBytes(
      [...weights].flatMap((weight) => (this.#shapes.has(weight) ? [this.#shapes.get(weight)!] : [])),
    );
  }

  async release(): Promise<void> {
    this.#isReleased = true;
  }

  /** @throws MeshError INTERNAL after the release; WEIGHT_MISSING when the model feeds a weight that it lacks */
  require(model: GraphModel): void {
    if (this.#isReleased) throw released();
    const missing = model.fedWeights.find(({ weight }) => !this.#shapes.has(weight.name));
    if (!missing) return;
    const { name } = missing.weight;
    throw new MeshError('WEIGHT_MISSING', `${model.name} needs the weight ${name}, which the set lacks.`, { name });
  }
}

/** @throws MeshError INTERNAL for weights of another device; what {@link SimulatedWeightSet.require} throws */
export function requireWeights(model: GraphModel, weights: WeightSet): void {
  if (!(weights instanceof SimulatedWeightSet)) {
    throw new MeshError('INTERNAL', `${model.name} was run with weights of another device.`);
  }
  weights.require(model);
}

function released(): MeshError {
  return new MeshError('INTERNAL', 'The weights were released.');
}
