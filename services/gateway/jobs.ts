/**
 * The jobs of the mesh, as one gateway sees them. A job lies in the work queue until its outcome is in its record; whichever
 * gateway takes it works on it, and answers everyone who waits.
 *
 * Owns      the jobs that run here.
 * Talks to  the queue (work), the store (records), the files (pictures), the bus (events, replies).
 *
 * Invariants
 *   J1  The record is written before the queue has the job, so a job that was accepted can always be asked for.
 *   J2  A job has one outcome: what is over in the record is never run again, only answered again.
 *   J3  The outcome is in the record before anyone hears of it, and the queue forgets the job only after that.
 *   J4  The same job id with the same request is the same job; with another request it is JOB_CONFLICT.
 */

import type { JobStore } from '#shared/bus/job-store.ts';
import type { GenerateReply } from '#shared/contracts/generate.ts';
import type { JobEvent, JobRecord } from '#shared/contracts/jobs.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { activeTraceId, withSpan } from '#shared/telemetry/tracing.ts';
import { type AdmittedJob, AdmittedJob as AdmittedJobSchema } from './job.ts';

/** What a gateway's jobs are made of. */
export interface JobsParts {
  readonly store: JobStore<JobRecord>;
  readonly enqueue: (id: string, job: AdmittedJob) => Promise<void>;
  /** Runs a job and stores its pictures. */
  readonly work: (job: AdmittedJob, signal: AbortSignal) => Promise<GenerateReply>;
  readonly tell: (event: JobEvent) => void;
  /** Answers callers over NATS from the finished record. */
  readonly answer: (replyTo: string, record: JobRecord) => Promise<void>;
  readonly log: Log;
  readonly now: () => number;
}

/** Deliveries of one job after which it fails: one that takes its gateway down every time must not go round for ever. */
const MAX_DELIVERIES = 5;

/** Whether a record has its outcome. */
export function isOver(record: JobRecord): boolean {
  return record.state !== 'queued' && record.state !== 'running';
}

/** See the head of this file. */
export class Jobs {
  readonly #parts: JobsParts;
  readonly #running = new Map<string, AbortController>();

  constructor(parts: JobsParts) {
    this.#parts = parts;
  }

  /** Jobs that run here. */
  get load(): number {
    return this.#running.size;
  }

  /**
   * Accepts a job, or joins the one of the same id.
   * @param replyTo subject of a caller that waits over NATS
   * @throws MeshError JOB_CONFLICT, QUEUE_FULL
   */
  async submit(job: AdmittedJob, digest: string, replyTo?: string): Promise<void> {
    const record: JobRecord = {
      job: job.job,
      state: 'queued',
      trace_id: activeTraceId(),
      created_unix_ms: job.accepted_unix_ms,
      request_digest: digest,
      reply_to: replyTo ? [replyTo] : [],
    };
    if (await this.#parts.store.create(job.job, record)) {
      await this.#enqueue(job);
      this.#parts.tell({ type: 'queued', job: job.job });
    } else {
      await this.#join(job, digest, replyTo);
    }
  }

  /** @throws MeshError UNKNOWN_JOB */
  async get(job: string): Promise<JobRecord> {
    const stored = await this.#parts.store.get(job);
    if (stored) return stored.record;
    throw new MeshError('UNKNOWN_JOB', `There is no job "${job}"; records are kept for a day.`, { job });
  }

  /** Ends a job that is not over, wherever it runs; one that is over stays as it is. @returns the record then */
  async cancel(job: string): Promise<JobRecord> {
    const record = await this.#finish(job, {
      state: 'cancelled',
      error: new MeshError('CANCELLED', 'The job was cancelled.').toWire(),
    });
    this.abort(job);
    return record;
  }

  /** Stops a job that runs here: it was ended elsewhere. */
  abort(job: string): void {
    this.#running.get(job)?.abort(new MeshError('CANCELLED', 'The job was cancelled.'));
  }

  /** Gives the running jobs back to the queue: this gateway ends before they do. */
  stop(): void {
    for (const controller of this.#running.values()) {
      controller.abort(new MeshError('DRAINING', 'The gateway was stopped; the job goes on elsewhere.'));
    }
  }

  /** Works on a job from the queue. Resolves when its outcome is in the record; rejects when it should come again. */
  async run(body: unknown, deliveryCount: number): Promise<void> {
    const job = AdmittedJobSchema.parse(body);
    const stored = await this.#parts.store.get(job.job);
    if (!stored) return; // its record has aged out: nobody can ask for it any more
    if (isOver(stored.record)) return this.#answerAll(stored.record);
    if (deliveryCount > MAX_DELIVERIES) {
      const error = new MeshError(
        'ACTOR_LOST',
        `The job was given up after ${MAX_DELIVERIES} gateways were lost under it.`,
      );
      await this.#finish(job.job, { state: 'failed', error: error.toWire() });
      return;
    }
    await withSpan(
      'job',
      { kind: 'consumer', parentHeaders: job.trace, attributes: { 'latentmesh.job': job.job } },
      () => this.#run(job),
    );
  }

  async #run(job: AdmittedJob): Promise<void> {
    const controller = new AbortController();
    this.#running.set(job.job, controller);
    const disarm = armDeadline(controller, job.deadline_unix_ms, this.#parts.now());
    try {
      await this.#update(job.job, (record) => ({ ...record, state: 'running', started_unix_ms: this.#parts.now() }));
      this.#parts.tell({ type: 'started', job: job.job });
      const result = await this.#parts.work(job, controller.signal);
      await this.#finish(job.job, { state: 'done', result });
    } catch (thrown) {
      const error = MeshError.from(thrown);
      if (shouldComeAgain(error)) throw error;
      this.#parts.log.warn(
        { job: job.job, code: error.code, reason: error.message, cause: error.cause },
        'A job failed.',
      );
      await this.#finish(job.job, {
        state: error.code === 'CANCELLED' ? 'cancelled' : 'failed',
        error: error.toWire(),
      });
    } finally {
      disarm();
      this.#running.delete(job.job);
    }
  }

  async #enqueue(job: AdmittedJob): Promise<void> {
    try {
      await this.#parts.enqueue(job.job, job);
    } catch (thrown) {
      const error = MeshError.from(thrown);
      await this.#finish(job.job, { state: 'failed', error: error.toWire() });
      throw error;
    }
  }

  async #join(job: AdmittedJob, digest: string, replyTo: string | undefined): Promise<void> {
    const record = await this.#update(job.job, (present) => {
      if (present.request_digest !== digest) throw conflict(job.job);
      return replyTo && !isOver(present) ? { ...present, reply_to: [...present.reply_to, replyTo] } : present;
    });
    // Its first gateway may have been lost between record and queue; the queue drops what it has already.
    if (record.state === 'queued') await this.#enqueue(job);
    if (replyTo && isOver(record)) await this.#parts.answer(replyTo, record);
  }

  /** Writes the outcome unless there is one, then tells it. */
  async #finish(job: string, outcome: Pick<JobRecord, 'state' | 'result' | 'error'>): Promise<JobRecord> {
    let isFirst = false;
    const record = await this.#update(job, (present) => {
      isFirst = !isOver(present);
      return isFirst ? { ...present, ...outcome, finished_unix_ms: this.#parts.now() } : present;
    });
    if (isFirst) {
      this.#parts.tell(endEvent(record));
      await this.#answerAll(record);
    }
    return record;
  }

  async #answerAll(record: JobRecord): Promise<void> {
    await Promise.all(record.reply_to.map((replyTo) => this.#parts.answer(replyTo, record)));
  }

  /** Changes a record; another writer in between means to look again. @throws MeshError UNKNOWN_JOB */
  async #update(job: string, change: (record: JobRecord) => JobRecord): Promise<JobRecord> {
    for (;;) {
      const stored = await this.#parts.store.get(job);
      if (!stored) throw new MeshError('UNKNOWN_JOB', `There is no job "${job}"; records are kept for a day.`, { job });
      const changed = change(stored.record);
      if (changed === stored.record || (await this.#parts.store.update(job, changed, stored.revision))) return changed;
    }
  }
}

function conflict(job: string): MeshError {
  return new MeshError('JOB_CONFLICT', `The job "${job}" exists already, with another request. Choose another id.`, {
    job,
  });
}

function endEvent(record: JobRecord): JobEvent {
  const { job, state, error } = record;
  if (state === 'failed' && error) return { type: 'failed', job, error };
  return state === 'cancelled' ? { type: 'cancelled', job } : { type: 'done', job };
}

/** The gateway goes or the bus is away: not the job's fault, so it stays in the queue. */
function shouldComeAgain(error: MeshError): boolean {
  return error.code === 'DRAINING' || error.code === 'BUS_UNAVAILABLE';
}

/** setTimeout's longest delay, ms (2³¹ − 1). */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Aborts the work at the job's deadline. @returns what stops the clock */
function armDeadline(controller: AbortController, deadlineUnixMs: number, now: number): () => void {
  const error = new MeshError('DEADLINE_EXCEEDED', 'The job did not end before its deadline.', { deadlineUnixMs });
  const remainingMs = Math.min(Math.max(deadlineUnixMs - now, 0), MAX_TIMEOUT_MS);
  const timer = setTimeout(() => controller.abort(error), remainingMs);
  return () => clearTimeout(timer);
}
