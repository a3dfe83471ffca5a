/** How soon a mesh is as fast again as it was. */
import { setTimeout as delay } from 'node:timers/promises';

/** Ends are counted over this time, ms. */
export const WINDOW_MS = 1500;
/** Of the calm rate: fewer ends than that within one window happen by chance in one window of a hundred. */
const SHARE = 0.6;
const LOOK_MS = 20;

/**
 * Resolves with the time from now until the window in which the load ends jobs at its calm rate begins, ms; undefined when it
 * does not within the limit.
 */
export async function untilRecovered(
  endsMs: readonly number[],
  calmPerSecond: number,
  limitMs: number,
): Promise<number | undefined> {
  const healedMs = performance.now();
  const needed = Math.max(1, Math.floor((SHARE * calmPerSecond * WINDOW_MS) / 1000));
  while (performance.now() < healedMs + limitMs + WINDOW_MS) {
    await delay(LOOK_MS);
    const since = endsMs.filter((ms) => ms >= healedMs);
    const at = since.findIndex((_, i) => i + 1 >= needed && since[i]! - since[i + 1 - needed]! <= WINDOW_MS);
    if (at >= 0) return Math.max(0, since[at]! - healedMs - WINDOW_MS);
  }
  return undefined;
}
