/** The switch from a device's name to what stands behind it. There is no falling back: a name means that device. */
import { availableParallelism } from 'node:os';
import type { Simulation } from '#shared/config/simulation.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { Device, LoraStrategy } from './device.ts';
import { DeviceWorker } from './device-worker.ts';
import { executionProvider } from './execution-provider.ts';
import { scaledClock } from './simulated/clock.ts';
import { SimulatedDevice } from './simulated/simulated-device.ts';
import { WorkerDevice } from './worker-device.ts';

/** Which device, and how much of the machine it may use. */
export interface DeviceConfig {
  /** `cpu`, `cuda:<index>`, `webgpu`, `simulated:<profile>`. */
  readonly device: string;
  /** Threads that one run may use; as many as the machine has when left out. */
  readonly threads?: number;
  /** For errors and thread lists; the device's own name when left out. */
  readonly name?: string;
  /** What stands behind `simulated:<profile>`. */
  readonly simulation?: Simulation;
  /** How LoRAs come in: by default as fed weights on the CPU, which does not copy them, as side branches elsewhere. */
  readonly loraStrategy?: LoraStrategy;
  /** Bytes for the activations of one run; any number when left out. Simulated devices have none. */
  readonly activationBytes?: number;
}

/** @throws MeshError CONFIGURATION for an unknown device or thread count; DEVICE_UNAVAILABLE when it cannot be used here */
export async function openDevice({
  device,
  threads = availableParallelism(),
  name = device,
  simulation,
  loraStrategy = device === 'cpu' ? 'fed' : 'branches',
  activationBytes,
}: DeviceConfig): Promise<Device> {
  if (!Number.isInteger(threads) || threads < 1) {
    throw new MeshError('CONFIGURATION', `A device needs at least one thread, not ${threads}.`, { device, threads });
  }
  if (simulation) return new SimulatedDevice(simulation.profile, scaledClock(simulation.timeScale));
  const provider = executionProvider(device);
  const worker = await DeviceWorker.start(name, { provider, threads });
  return new WorkerDevice(device, worker, loraStrategy, activationBytes);
}
