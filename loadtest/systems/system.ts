/** What a load test asks for pictures: the mesh, or what it is held against. */
import type { SimulationClock } from '#shared/session/simulated/clock.ts';
import type { Picture } from '../workload/published-traffic.ts';

/** What a device is for. */
export type DeviceKind = 'base' | 'controlnet' | 'other';

/** Time that the devices of each kind have worked so far, and how many there are. */
export type Usage = Readonly<Record<DeviceKind, { readonly devices: number; readonly busyMs: number }>>;

/** See the head of this file. All times are simulated. */
export interface ServingSystem {
  /** `as-katz` */
  readonly name: string;
  /** The devices that it runs on, by their names. */
  readonly device: string;
  readonly clock: SimulationClock;
  /** Resolves when the picture is there. */
  serve(picture: Picture): Promise<void>;
  usage(): Usage;
}

/** All of its devices. */
export function deviceCount(usage: Usage): number {
  return usage.base.devices + usage.controlnet.devices + usage.other.devices;
}
