/** A clock that stands still until the test moves it. */
import type { Clock, Timer } from '#shared/bus/clock.ts';

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<Due>();

  constructor(nowUnixMs = 1_700_000_000_000) {
    this.#nowMs = nowUnixMs;
  }

  readonly now = (): number => this.#nowMs;

  after(delayMs: number, run: () => void): Timer {
    const due = { atMs: this.#nowMs + Math.max(delayMs, 0), run };
    this.#timers.add(due);
    return { cancel: () => void this.#timers.delete(due) };
  }

  /** Runs what falls due on the way, each in its time, and lets its consequences happen in between. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    await settle();
    for (let due = this.#earliest(); due && due.atMs <= endMs; due = this.#earliest()) {
      this.#timers.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.run();
      await settle();
    }
    this.#nowMs = endMs;
    await settle();
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  #earliest(): Due | undefined {
    return [...this.#timers].toSorted((a, b) => a.atMs - b.atMs)[0];
  }
}

/** Long enough for a chain of messages in the in-memory transport. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
