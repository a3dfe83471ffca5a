/** Time as the bus sees it, so that tests need no sleep. */

export interface Timer {
  /** Idempotent; may be called after the timer ran. */
  cancel(): void;
}

export interface Clock {
  /** Unix time, ms. */
  now(): number;
  after(delayMs: number, run: () => void): Timer;
}

/** setTimeout runs at once what is further off than this (24.8 days). */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: Date.now,
  after: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS));
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after a while. */
export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => clock.after(delayMs, resolve));
}
