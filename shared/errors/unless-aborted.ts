/** Gives up waiting, not the work. */
import { MeshError } from './errors.ts';

/**
 * The promise, or the abort if that comes first: whoever gives up does not wait for a work that goes on by itself.
 * @throws MeshError the signal's reason, else CANCELLED; what the promise rejects with
 */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(MeshError.fromAbort(signal));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([promise, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}
