/** What a simulated device, its sessions and its weight sets share. */
import type { DeviceProfile } from '#shared/config/device-profile.ts';
import type { Port } from '#shared/graph/graph-model.ts';
import type { TaskOptions } from '../work-queue.ts';
import type { SimulationClock } from './clock.ts';
import type { Engine } from './engine.ts';

/** See the head of this file. */
export interface SimulatedParts {
  readonly profile: DeviceProfile;
  readonly clock: SimulationClock;
  /** What is kept under each slot. */
  readonly slots: Map<string, Port>;
  /** Runs and loads, one at a time. */
  readonly processor: Engine;
  /** Takes its turn on the processor. */
  turn<T>(task: () => Promise<T>, options?: TaskOptions): Promise<T>;
  /** Takes its turn beside the processor: patching keeps no run waiting. */
  beside<T>(task: (copier: Engine) => Promise<T>, options?: TaskOptions): Promise<T>;
}
