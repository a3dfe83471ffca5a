/** A part of a simulated device that does one thing after another: its processor, or what copies beside it. */
import type { SimulationClock } from './clock.ts';

/**
 * A timer fires up to about a millisecond early or late. What it missed by is taken from the next wait, so that the errors of a
 * long chain of runs do not add up; more than this is the machine being busy, which is not the device's to hide, real ms at scale 1.
 */
const MAX_CARRIED_MS = 1;

/** See the head of this file. */
export class Engine {
  readonly #clock: SimulationClock;
  #carriedMs = 0;
  #busyMs = 0;

  constructor(clock: SimulationClock) {
    this.#clock = clock;
  }

  /** Time that it has worked so far, simulated ms. */
  get busyMs(): number {
    return this.#busyMs;
  }

  /**
   * Works for a time. One call at a time.
   * @returns when the work was due to end, simulated ms: what follows counts from there, not from when the timer came
   */
  async work(durationMs: number): Promise<number> {
    if (durationMs === 0) return this.#clock.now();
    this.#busyMs += durationMs;
    const dueMs = this.#clock.now() + durationMs - this.#carriedMs;
    await this.#clock.until(dueMs);
    const missedMs = this.#clock.now() - dueMs;
    this.#carriedMs = Math.min(Math.max(missedMs, -MAX_CARRIED_MS), MAX_CARRIED_MS);
    return Math.max(dueMs, this.#clock.now() - MAX_CARRIED_MS);
  }
}
