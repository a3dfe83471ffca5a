/**
 * Owns the order of what one worker is asked to do. It stands on the caller's side, so that what has not started can still
 * be taken back.
 *
 * Q1 One task at a time, in order of arrival.
 * Q2 Every added task's promise settles exactly once.
 * Q3 A task that has started is never followed by another before it has ended, even when its caller gave up.
 */
import { MeshError } from '#shared/errors/errors.ts';

/** How a task waits. */
export interface TaskOptions {
  /** Takes the task out while it waits; while it runs, fails it for the caller. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiting {
  /** Runs the task to its end; must not throw. */
  start(): Promise<void>;
  refuse(reason: MeshError): void;
}

/** See the head of this file. */
export class WorkQueue {
  readonly #waiting = new Set<Waiting>();
  #draining: Promise<void> | undefined;
  #closedBy: MeshError | undefined;

  /**
   * Puts a task at the end of its line.
   * @throws MeshError the queue's closing reason; the signal's reason (MeshError, else CANCELLED); what the task throws
   */
  add<T>(task: () => Promise<T>, { signal }: TaskOptions = {}): Promise<T> {
    if (this.#closedBy) return Promise.reject(this.#closedBy);
    if (signal?.aborted) return Promise.reject(MeshError.fromAbort(signal));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiting: Waiting = { start: () => task().then(resolve, reject), refuse: reject };
    this.#waiting.add(waiting);
    const onAbort = (): void => {
      this.#waiting.delete(waiting);
      reject(MeshError.fromAbort(signal!));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#draining ??= this.#drain();
    return promise.finally(() => signal?.removeEventListener('abort', onAbort));
  }

  /** Refuses what waits and what comes; resolves when the running task has ended. */
  async close(reason: MeshError): Promise<void> {
    this.#closedBy = reason;
    for (const waiting of this.#waiting) waiting.refuse(reason);
    this.#waiting.clear();
    await this.#draining;
  }

  async #drain(): Promise<void> {
    for (let next = this.#take(); next; next = this.#take()) await next.start();
    this.#draining = undefined;
  }

  #take(): Waiting | undefined {
    const [first] = this.#waiting;
    if (first) this.#waiting.delete(first);
    return first;
  }
}
