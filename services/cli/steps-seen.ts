/** Steps of every job, from the mesh's events: who is how far, and how many there were since the last look. */
import type { JobEvent } from '#shared/contracts/jobs.ts';

/** A job on its way. */
export interface RunningJob {
  readonly job: string;
  readonly step: number;
  readonly steps: number;
  readonly instance?: string;
}

/** Without a word for so long a job is not shown any more: its end was missed, ms. */
const FORGOTTEN_AFTER_MS = 30_000;

/** See the head of this file. */
export class StepsSeen {
  readonly #running = new Map<string, RunningJob & { readonly seenUnixMs: number }>();
  #steps = 0;

  /** Takes an event as it comes. */
  hear(event: JobEvent, nowUnixMs: number): void {
    const { job, type } = event;
    if (type === 'queued' || type === 'preview') return;
    if (type === 'done' || type === 'failed' || type === 'cancelled') {
      this.#running.delete(job);
      return;
    }
    const before = this.#running.get(job);
    const shown = type === 'progress' ? progressOf(event) : { job, step: 0, steps: before?.steps ?? 0 };
    // Of a job that is met on its way nobody knows how many steps it has made since the last look: at least this one.
    if (type === 'progress') this.#steps += Math.max(0, event.step - (before?.step ?? event.step - 1));
    this.#running.set(job, { ...shown, seenUnixMs: nowUnixMs });
  }

  /** Jobs on their way, in the order in which they began. */
  running(nowUnixMs: number): RunningJob[] {
    for (const [job, { seenUnixMs }] of this.#running) {
      if (nowUnixMs - seenUnixMs > FORGOTTEN_AFTER_MS) this.#running.delete(job);
    }
    return [...this.#running.values()].map(({ seenUnixMs: _, ...job }) => job);
  }

  /** Steps since this was last asked. */
  take(): number {
    const steps = this.#steps;
    this.#steps = 0;
    return steps;
  }
}

function progressOf({ job, step, steps, instance }: Extract<JobEvent, { type: 'progress' }>): RunningJob {
  return { job, step, steps, ...(instance && { instance }) };
}
