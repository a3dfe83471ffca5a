/**
 * Before the door while the queue is full: a job that the queue would refuse is told so before anything was done for it.
 *
 * To accept a job means to check it, to ask actors, to decode and store its pictures and to write its record: refusing after all
 * that took the cores that accepted jobs need. The queue's own word stays the last: this gate only asks it sooner.
 */
import type { Clock } from '#shared/bus/clock.ts';
import type { JobQueue } from '#shared/bus/job-queue.ts';
import { isToken } from '#shared/bus/subjects.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { Jobs } from './jobs.ts';

/** Whom the gate asks. */
export interface QueueGateParts {
  readonly queue: Pick<JobQueue, 'depth'>;
  /** Jobs that the queue takes. */
  readonly maxJobs: number;
  /** Knows who was accepted before: whoever asks for it again takes no place. */
  readonly jobs: Pick<Jobs, 'isKnown'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** How long after a refusal the queue is asked before each job, ms. A calm mesh pays nothing for the gate. */
const WATCH_MS = 10_000;

/** See the head of this file. */
export class QueueGate {
  readonly #parts: QueueGateParts;
  /** Jobs that have passed and that the queue does not count yet. */
  #passing = 0;
  #refusedUnixMs = Number.NEGATIVE_INFINITY;
  #look: Promise<number> | undefined;

  constructor(parts: QueueGateParts) {
    this.#parts = parts;
  }

  /**
   * Accepts a job, or refuses it at once.
   * @param job its name, where the request has one
   * @throws MeshError QUEUE_FULL; what `accept` throws
   */
  async pass<T>(job: unknown, accept: () => Promise<T>): Promise<T> {
    const isWatching = this.#parts.clock.now() - this.#refusedUnixMs < WATCH_MS;
    if (isWatching && !this.#hasRoom(await this.#depth()) && !(await this.#isKnown(job))) throw this.#full();
    this.#passing++;
    try {
      return await accept();
    } catch (thrown) {
      if (MeshError.from(thrown).code === 'QUEUE_FULL') this.#refusedUnixMs = this.#parts.clock.now();
      throw thrown;
    } finally {
      this.#passing--;
    }
  }

  #hasRoom(depth: number): boolean {
    return depth + this.#passing < this.#parts.maxJobs;
  }

  /** Whoever comes while the queue is asked shares its answer. */
  #depth(): Promise<number> {
    this.#look ??= this.#parts.queue.depth().finally(() => {
      this.#look = undefined;
    });
    return this.#look;
  }

  async #isKnown(job: unknown): Promise<boolean> {
    return typeof job === 'string' && isToken(job) && this.#parts.jobs.isKnown(job);
  }

  #full(): MeshError {
    this.#refusedUnixMs = this.#parts.clock.now();
    const { maxJobs } = this.#parts;
    return new MeshError('QUEUE_FULL', `The queue has no place: ${maxJobs} jobs wait and run. Try again later.`, {
      limit: maxJobs,
    });
  }
}
