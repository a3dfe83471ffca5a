/** Callers that wait in this process for a job to end, wherever it runs: woken by its event, answered from its record. */
import type { Clock } from '#shared/bus/clock.ts';
import { isEndEvent, type JobEvent, type JobRecord } from '#shared/contracts/jobs.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { isOver } from './job-records.ts';
import type { Jobs } from './jobs.ts';

/** Events can be lost with a connection, so the record is looked at again after this time, ms. */
const RECHECK_MS = 2000;

/** See the head of this file. */
export class Outcomes {
  readonly #jobs: Pick<Jobs, 'get'>;
  readonly #clock: Clock;
  readonly #ended = new EventTarget();
  readonly #stopping = new AbortController();

  constructor(jobs: Pick<Jobs, 'get'>, clock: Clock) {
    this.#jobs = jobs;
    this.#clock = clock;
  }

  /** Takes an event from the bus. */
  hear(event: JobEvent): void {
    if (isEndEvent(event)) this.#ended.dispatchEvent(new Event(event.job));
  }

  /**
   * Resolves with the record of an ended job.
   * @throws MeshError UNKNOWN_JOB; DRAINING once stopped; the signal's reason
   */
  async wait(job: string, signal: AbortSignal): Promise<JobRecord> {
    for (;;) {
      if (signal.aborted) throw MeshError.fromAbort(signal);
      if (this.#stopping.signal.aborted) throw stopped(job);
      // Listens before the record is read, so that no end falls in between.
      const wake = this.#nextWake(job, signal);
      try {
        const record = await this.#jobs.get(job);
        if (isOver(record)) return record;
        await wake.promise;
      } finally {
        wake.cancel();
      }
    }
  }

  /** Sends everyone away who waits: this gateway ends before their jobs do. */
  stop(): void {
    this.#stopping.abort();
  }

  #nextWake(job: string, signal: AbortSignal): { promise: Promise<void>; cancel: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.after(RECHECK_MS, resolve);
    const wake = (): void => resolve();
    const sources: [EventTarget, string][] = [
      [this.#ended, job],
      [signal, 'abort'],
      [this.#stopping.signal, 'abort'],
    ];
    for (const [source, type] of sources) source.addEventListener(type, wake);
    const cancel = (): void => {
      timer.cancel();
      for (const [source, type] of sources) source.removeEventListener(type, wake);
    };
    return { promise, cancel };
  }
}

function stopped(job: string): MeshError {
  const text = `The gateway is being stopped. The job goes on without it: ask for it as "${job}".`;
  return new MeshError('DRAINING', text, { job });
}
