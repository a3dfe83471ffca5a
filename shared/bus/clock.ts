/** Time as the bus sees it, so that tests need no sleep. */
import { MeshError } from '#shared/errors/errors.ts';

/** Something that is due, unless it is called off. */
export interface Timer {
  /** Idempotent; may be called after the timer ran. */
  cancel(): void;
}

/** See the head of this file. */
export interface Clock {
  /** Unix time, ms. */
  now(): number;
  after(delayMs: number, run: () => void): Timer;
}

/** setTimeout runs at once what is further off than this (24.8 days). */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** The real one. */
export const systemClock: Clock = {
  now: Date.now,
  after: (delayMs, run) => {
    const timer = setTimeout(run, Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS));
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after a while. @throws MeshError the signal's reason, else CANCELLED */
export async function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = (): void => reject(MeshError.fromAbort(signal!));
  const timer = clock.after(delayMs, resolve);
  signal?.addEventListener('abort', onAbort, { once: true });
  if (signal?.aborted) onAbort();
  try {
    await promise;
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
  }
}
