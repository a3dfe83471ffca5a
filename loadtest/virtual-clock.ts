/**
 * Simulated time that passes only when nobody has anything left to do: what runs in this process alone takes no real time, and
 * comes out the same on every machine.
 */
import { setImmediate as settled } from 'node:timers/promises';
import type { SimulationClock } from '#shared/session/simulated/clock.ts';

interface Waiting {
  readonly timeMs: number;
  readonly resolve: () => void;
}

/** See the head of this file. */
export class VirtualClock implements SimulationClock {
  #nowMs = 0;
  /** The latest first; of equal times the one that came last. */
  readonly #waiting: Waiting[] = [];

  now(): number {
    return this.#nowMs;
  }

  until(timeMs: number): Promise<void> {
    return new Promise((resolve) => {
      const place = this.#waiting.findLastIndex((other) => other.timeMs > timeMs) + 1;
      this.#waiting.splice(place, 0, { timeMs, resolve });
    });
  }

  /** Lets time pass until the work is done. Throws what it throws, and when it waits for something that is not time. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const mark = (): void => {
      isDone = true;
    };
    work.then(mark, mark);
    for (;;) {
      await settled(); // every promise that can go on without time has done so
      if (isDone) return work;
      const next = this.#waiting.pop();
      if (!next) throw new Error('The simulation waits for something that no time will bring.');
      this.#nowMs = Math.max(this.#nowMs, next.timeMs);
      next.resolve();
    }
  }
}
