/** A simulated device for drivers that have no model: networks by name, run for the time that the profile says. */
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import type { Session, WeightSet } from '#shared/session/device.ts';
import type { SimulationClock } from '#shared/session/simulated/clock.ts';
import { SimulatedDevice } from '#shared/session/simulated/simulated-device.ts';
import type { Weight } from '#shared/tensor/weight.ts';

const NO_FILE = { folder: '/', get: (name: string) => controlNetWeight(name), has: () => true };

/** See the head of this file. */
export class Processor {
  readonly #device: SimulatedDevice;
  readonly #sessions = new Map<string, Promise<Session>>();
  readonly #weights: Promise<WeightSet>;

  constructor(profile: DeviceProfile, clock: SimulationClock) {
    this.#device = new SimulatedDevice(profile, clock);
    this.#weights = this.#device.loadWeights(NO_FILE, []);
  }

  get name(): string {
    return this.#device.name;
  }

  get busyMs(): number {
    return this.#device.busyMs;
  }

  /** Runs a network on a batch; what it puts out stays on the device. */
  async run(network: string, batch: number): Promise<void> {
    const key = `${network} ${batch}`;
    const opening = this.#sessions.get(key) ?? this.#device.open(graph(network, batch));
    this.#sessions.set(key, opening);
    const session = await opening;
    await session.run({ feeds: {}, weights: await this.#weights, outputs: [] });
  }

  /** Brings a ControlNet into the device's memory. */
  async loadControlNet(): Promise<void> {
    await this.#device.loadWeights(NO_FILE, [controlNetWeight('controlnet_mid_block.weight')]);
  }
}

/** Nothing goes in; the batch shows in what comes out. */
function graph(network: string, batch: number): GraphModel {
  return {
    name: `${network} ${batch}`,
    bytes: new Uint8Array(),
    folder: '/',
    inputs: [],
    outputs: [{ name: 'out', dtype: 'f32', shape: [batch] }],
    fedWeights: [],
    cost: { flops: 0, activationBytes: 0 },
  };
}

function controlNetWeight(name: string): Weight {
  return { name, shape: [1], dtype: 'f16', location: { file: 'none', offset: 0, length: 2 } };
}
