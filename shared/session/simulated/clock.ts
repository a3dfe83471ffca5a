/** Time as a simulated device sees it, in simulated milliseconds. */

/** See the head of this file. */
export interface SimulationClock {
  /** Simulated ms since some fixed moment; never goes back. */
  now(): number;
  /** Resolves when `now()` has come to a time, at once when it is past. */
  until(timeMs: number): Promise<void>;
}

/**
 * The real clock, slowed down.
 * @param timeScale real milliseconds for each simulated one
 */
export function scaledClock(timeScale: number): SimulationClock {
  const now = (): number => performance.now() / timeScale;
  return {
    now,
    until: (timeMs) => new Promise((resolve) => setTimeout(resolve, Math.max((timeMs - now()) * timeScale, 0))),
  };
}
