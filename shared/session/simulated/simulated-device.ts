/**
 * The Device that computes nothing: a run waits as long as its profile says and gives zeros of the right shapes. Calls are
 * queued and checked as on a real one, so that whatever stands around it cannot tell them apart but by name.
 */
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import type { Tensor } from '#shared/tensor/tensor.ts';
import type { Weight, WeightSource } from '#shared/tensor/weight.ts';
import type { Device, Session, WeightSet } from '../device.ts';
import { WorkQueue } from '../work-queue.ts';
import type { SimulationClock } from './clock.ts';
import { Engine } from './engine.ts';
import type { SimulatedParts } from './simulated-parts.ts';
import { SimulatedSession } from './simulated-session.ts';
import { isControlNet, SimulatedWeightSet } from './simulated-weight-set.ts';

/** See the head of this file. */
export class SimulatedDevice implements Device {
  readonly name: string;
  readonly loraStrategy = 'fed';
  readonly #parts: SimulatedParts;
  readonly #queue = new WorkQueue();
  readonly #patching = new WorkQueue();

  constructor(profile: DeviceProfile, clock: SimulationClock) {
    this.name = `simulated:${profile.name}`;
    const copier = new Engine(clock);
    this.#parts = {
      profile,
      clock,
      slots: new Map(),
      processor: new Engine(clock),
      turn: (task, options) => this.#queue.add(task, options),
      beside: (task, options) => this.#patching.add(() => task(copier), options),
    };
  }

  /** Time that runs and loads have taken so far, simulated ms. */
  get busyMs(): number {
    return this.#parts.processor.busyMs;
  }

  loadWeights(_source: WeightSource, weights: readonly Weight[]): Promise<WeightSet> {
    const { profile, processor, turn } = this.#parts;
    return turn(async () => {
      if (isControlNet(weights)) await processor.work(profile.controlnet.load_ms);
      return SimulatedWeightSet.loaded(this.#parts, weights);
    });
  }

  open(model: GraphModel): Promise<Session> {
    return this.#parts.turn(async () => new SimulatedSession(this.#parts, model));
  }

  put(slot: string, { dtype, shape }: Tensor): Promise<void> {
    return this.#parts.turn(async () => {
      if (dtype === 'f16' || dtype === 'bf16') {
        throw new MeshError('WRONG_SHAPE', `A graph takes no ${dtype}: widen what is put under ${slot}.`, {
          slot,
          dtype,
        });
      }
      this.#parts.slots.set(slot, { name: slot, dtype, shape });
    });
  }

  async drop(slots: readonly string[]): Promise<void> {
    for (const slot of slots) this.#parts.slots.delete(slot);
  }

  async close(): Promise<void> {
    const reason = new MeshError('DRAINING', `Device ${this.name} was closed: ask another instance.`);
    await Promise.all([this.#queue.close(reason), this.#patching.close(reason)]);
  }
}
