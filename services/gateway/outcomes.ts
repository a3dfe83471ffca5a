/** Callers that wait in this process for a job to end, wherever it runs: woken by its event, answered from its record. */
import type { JobEvent, JobRecord } from '#shared/contracts/jobs.ts';
import { isOver, type Jobs } from './jobs.ts';

/** See the head of this file. */
export class Outcomes {
  readonly #jobs: Pick<Jobs, 'get'>;
  readonly #ended = new EventTarget();

  constructor(jobs: Pick<Jobs, 'get'>) {
    this.#jobs = jobs;
  }

  /** Takes an event from the bus. */
  hear(event: JobEvent): void {
    const isEnd = event.type === 'done' || event.type === 'failed' || event.type === 'cancelled';
    if (isEnd) this.#ended.dispatchEvent(new Event(event.job));
  }

  /**
   * Resolves with the record of an ended job. Events can be lost with a connection, so the record is also looked at
   * again every `recheckMs`.
   * @throws MeshError UNKNOWN_JOB; the signal's reason
   */
  async wait(job: string, signal: AbortSignal, recheckMs = 2000): Promise<JobRecord> {
    for (;;) {
      signal.throwIfAborted();
      const wake = this.#nextWake(job, signal, recheckMs);
      const record = await this.#jobs.get(job);
      if (isOver(record)) {
        wake.cancel();
        return record;
      }
      await wake.promise;
    }
  }

  /** Listens before the record is read, so that no end falls in between. */
  #nextWake(job: string, signal: AbortSignal, recheckMs: number): { promise: Promise<void>; cancel: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = (): void => {
      clearTimeout(timer);
      this.#ended.removeEventListener(job, cancel);
      signal.removeEventListener('abort', cancel);
      resolve();
    };
    const timer = setTimeout(cancel, recheckMs);
    this.#ended.addEventListener(job, cancel, { once: true });
    signal.addEventListener('abort', cancel, { once: true });
    return { promise, cancel };
  }
}
