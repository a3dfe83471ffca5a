/**
 * Reading time beside simulated devices: the small file that stands for a LoRA is read in no time, so what the imitated one
 * takes is waited for on top.
 */
import type { Simulation } from '#shared/config/simulation.ts';
import { type SimulationClock, scaledClock } from '#shared/session/simulated/clock.ts';
import { readMs } from '#shared/session/simulated/read-time.ts';

/** See the head of this file. */
export class SimulatedReading {
  readonly #simulation: Simulation;
  readonly #clock: SimulationClock;
  /** What this host has read before, and has in its page cache. */
  readonly #seen = new Set<string>();

  constructor(simulation: Simulation, clock = scaledClock(simulation.timeScale)) {
    this.#simulation = simulation;
    this.#clock = clock;
  }

  /** Resolves when a LoRA of that name would have been read. */
  async read(name: string): Promise<void> {
    const isFirst = !this.#seen.has(name);
    this.#seen.add(name);
    await this.#clock.until(this.#clock.now() + readMs(this.#simulation.profile.lora, name, isFirst));
  }
}
