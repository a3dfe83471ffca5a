/** How Katz serves: a number of instances with devices of their own, and whichever is free takes the next request. */
import type { SimulationClock } from '#shared/session/simulated/clock.ts';
import type { Picture } from '../workload/published-traffic.ts';
import { KatzInstance, type KatzOptions } from './katz-instance.ts';
import { Pool } from './pool.ts';
import type { Processor } from './processor.ts';
import type { ServingSystem, Usage } from './system.ts';

/** The step that waits for LoRAs in the artifact's code, of 50; the paper says 10. */
export const KATZ_BOUND = 20;

/** See the head of this file. */
export class AsKatz implements ServingSystem {
  readonly name = 'as-katz';
  readonly device: string;
  readonly clock: SimulationClock;
  readonly #all: readonly KatzInstance[];
  readonly #instances: Pool<KatzInstance>;

  constructor({ instances, ...options }: KatzOptions & { readonly instances: number }) {
    this.clock = options.clock;
    this.#all = Array.from({ length: instances }, () => new KatzInstance(options));
    this.device = this.#all[0]!.base[0]!.name;
    this.#instances = new Pool(this.#all);
  }

  serve(picture: Picture): Promise<void> {
    return this.#instances.use((instance) => instance.draw(picture));
  }

  usage(): Usage {
    const base = this.#all.flatMap((instance) => instance.base);
    const controlnet = this.#all.flatMap((instance) => instance.controlnets);
    return { base: usageOf(base), controlnet: usageOf(controlnet), other: { devices: 0, busyMs: 0 } };
  }
}

function usageOf(processors: readonly Processor[]): { devices: number; busyMs: number } {
  return { devices: processors.length, busyMs: processors.reduce((sum, one) => sum + one.busyMs, 0) };
}
