/**
 * What a gateway hears of all jobs: who waits before whom, how far the running ones are, and who wants to be told. Made of
 * events alone, so it knows nothing of what was before this gateway; records do.
 */
import { isEndEvent, type JobEvent } from '#shared/contracts/jobs.ts';

type Listener = (event: JobEvent) => void;
type ProgressEvent = Extract<JobEvent, { type: 'progress' }>;
type PreviewEvent = Extract<JobEvent, { type: 'preview' }>;

/** A job under way, as its latest events tell it. */
export interface JobUnderWay {
  readonly progress?: ProgressEvent;
  readonly preview?: PreviewEvent;
}

/** Jobs that are remembered: the end of one may be lost with a connection, and must not stay for good. */
const MAX_JOBS = 10_000;
const MAX_ENDED = 1000;

/** See the head of this file. */
export class JobFeed {
  /** In the order of acceptance. */
  readonly #waiting = new Set<string>();
  /** The latest that ended: a late word of a job must not bring it back. */
  readonly #ended = new Set<string>();
  readonly #running = new Map<string, JobUnderWay>();
  readonly #listeners = new Map<string, Set<Listener>>();

  /** Takes an event from the bus. */
  hear(event: JobEvent): void {
    const { job } = event;
    if (event.type === 'queued') this.#wait(job);
    else if (isEndEvent(event)) this.#end(job);
    else if (!this.#ended.has(job)) this.#run(job, event);
    for (const listener of this.#listeners.get(job) ?? []) listener(event);
  }

  /** Hands on what is heard of a job from now. Returns the way to stop. */
  listen(job: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(job) ?? new Set();
    this.#listeners.set(job, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(job) === listeners) this.#listeners.delete(job);
    };
  }

  /** Jobs accepted before this one that have not started, 0 for the next; undefined when it does not wait, or from before our time. */
  position(job: string): number | undefined {
    return this.positions([job]).get(job);
  }

  /** {@link position} of several, in one pass; those that do not wait are left out. */
  positions(jobs: Iterable<string>): Map<string, number> {
    const asked = new Set(jobs).intersection(this.#waiting);
    const found = new Map<string, number>();
    let position = 0;
    for (const job of this.#waiting) {
      if (found.size === asked.size) break;
      if (asked.has(job)) found.set(job, position);
      position++;
    }
    return found;
  }

  /** The latest of a job; undefined when it does not run. */
  underWay(job: string): JobUnderWay | undefined {
    return this.#running.get(job);
  }

  /** Jobs that wait or run, and how far they are. */
  present(): { readonly waiting: readonly string[]; readonly running: ReadonlyMap<string, JobUnderWay> } {
    return { waiting: [...this.#waiting], running: this.#running };
  }

  #wait(job: string): void {
    this.#ended.delete(job); // refused once, and sent again
    dropOldest(this.#waiting, MAX_JOBS - 1);
    this.#waiting.add(job);
  }

  #end(job: string): void {
    this.#waiting.delete(job);
    this.#running.delete(job);
    dropOldest(this.#ended, MAX_ENDED - 1);
    this.#ended.add(job);
  }

  #run(job: string, event: JobEvent): void {
    this.#waiting.delete(job);
    const present = this.#running.get(job) ?? {};
    if (!this.#running.has(job)) dropOldest(this.#running, MAX_JOBS - 1);
    if (event.type === 'progress') this.#running.set(job, { ...present, progress: event });
    else if (event.type === 'preview') this.#running.set(job, { ...present, preview: event });
    else this.#running.set(job, present);
  }
}

function dropOldest(jobs: Set<string> | Map<string, unknown>, limit: number): void {
  for (const job of jobs.keys()) {
    if (jobs.size <= limit) return;
    jobs.delete(job);
  }
}
