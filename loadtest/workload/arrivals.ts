/** When requests are sent, whatever becomes of those before: an open loop. */
import type { Random } from './random.ts';

/**
 * Moments of a Poisson process.
 * @param ratePerS mean number a simulated second
 * @returns ms from the start, rising
 */
export function poissonArrivals(random: Random, { ratePerS, count }: { ratePerS: number; count: number }): number[] {
  let timeMs = 0;
  return Array.from({ length: count }, () => {
    timeMs += (-Math.log(1 - random()) * 1000) / ratePerS;
    return timeMs;
  });
}
