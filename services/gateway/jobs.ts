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
 *   J5  A job that ended by the mesh's fault leaves a letter with the reason, after its outcome is in the record.
 */
import type { Clock } from '#shared/bus/clock.ts';
import type { Job } from '#shared/bus/job-handling.ts';
import type { JobStore } from '#shared/bus/job-store.ts';
import type { DeadLetter } from '#shared/contracts/dead-letter.ts';
import type { GenerateReply } from '#shared/contracts/generate.ts';
import type { JobEvent, JobListQuery, JobRecord } from '#shared/contracts/jobs.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { activeTraceId, failSpan, withSpan } from '#shared/telemetry/tracing.ts';
import { type AdmittedJob, AdmittedJob as AdmittedJobSchema } from './job.ts';
import { endEvent, isOver, JobRecords, newRecord, wasRefused } from './job-records.ts';

/** What a gateway's jobs are made of. */
export interface JobsParts {
  readonly store: JobStore<JobRecord>;
  readonly enqueue: (id: string, job: AdmittedJob) => Promise<void>;
  /** Runs a job and stores its pictures. */
  readonly work: (job: AdmittedJob, signal: AbortSignal) => Promise<GenerateReply>;
  readonly tell: (event: JobEvent) => void;
  /** Answers callers over NATS from the finished record. */
  readonly answer: (replyTo: string, record: JobRecord) => Promise<void>;
  /** Keeps the reason of a job that the mesh gave up. Does not fail. */
  readonly bury: (letter: DeadLetter) => Promise<void>;
  readonly instance: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** A job that runs here. */
interface RunningJob {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** A job as it came out of the queue. */
interface Delivery {
  readonly queued: Job;
  /** 1 the first time. */
  readonly deliveryCount: number;
}

/** Deliveries of one job after which it fails: one that takes its gateway down every time must not go round for ever. */
const MAX_DELIVERIES = 5;
/** After the deadline the work is aborted, should it not have noticed, ms. */
const DEADLINE_GRACE_MS = 500;

/** See the head of this file. */
export class Jobs {
  readonly #parts: JobsParts;
  readonly #records: JobRecords;
  readonly #running = new Map<string, RunningJob>();

  constructor(parts: JobsParts) {
    this.#parts = parts;
    this.#records = new JobRecords(parts.store);
  }

  /** Jobs that run here. */
  get load(): number {
    return this.#running.size;
  }

  /**
   * Accepts a job, or joins the one of the same id. One that the queue refused was never accepted, so it may come again.
   * @param replyTo subject of a caller that waits over NATS
   * @throws MeshError JOB_CONFLICT, QUEUE_FULL, BUS_UNAVAILABLE
   */
  async submit(job: AdmittedJob, digest: string, replyTo?: string): Promise<void> {
    if (await this.#records.create(newRecord(job, digest, replyTo))) {
      this.#parts.tell({ type: 'queued', job: job.job });
      await this.#enqueue(job);
    } else {
      await this.#join(job, digest, replyTo);
    }
  }

  /** Whether a job was accepted under this name. */
  async isKnown(job: string): Promise<boolean> {
    const record = await this.#records.find(job);
    return record !== undefined && !wasRefused(record);
  }

  /** @throws MeshError UNKNOWN_JOB */
  get(job: string): Promise<JobRecord> {
    return this.#records.get(job);
  }

  /** The jobs of all gateways, the newest first. */
  list(query: JobListQuery): Promise<JobRecord[]> {
    return this.#records.list(query);
  }

  /** Ends a job that is not over, wherever it runs; one that is over stays as it is. @returns the record then */
  async cancel(job: string): Promise<JobRecord> {
    const error = new MeshError('CANCELLED', 'The job was cancelled.').toWire();
    const record = await this.#finish(job, { state: 'cancelled', error });
    this.abort(job);
    return record;
  }

  /** Stops a job that runs here: it was ended elsewhere. */
  abort(job: string): void {
    this.#running.get(job)?.abort.abort(new MeshError('CANCELLED', 'The job was cancelled.'));
  }

  /** Gives the running jobs back to the queue: this gateway ends before they do. */
  stop(): void {
    for (const { abort } of this.#running.values()) {
      abort.abort(new MeshError('DRAINING', 'The gateway was stopped; the job goes on elsewhere.'));
    }
  }

  /**
   * Works on a job from the queue. Resolves when its outcome is in the record; rejects when it should come again. One that
   * comes again while it runs here is the same run: the queue has waited for a sign of life in vain, during an outage.
   */
  async run(queued: Job, deliveryCount: number): Promise<void> {
    const { id, body } = queued;
    const record = await this.#records.find(id);
    if (!record) return; // aged out: nobody can ask for it any more
    const running = this.#running.get(id);
    if (running) return running.ended;
    if (isOver(record)) return this.#answerAll(record);
    const parsed = AdmittedJobSchema.safeParse(body);
    const delivery = { queued, deliveryCount };
    if (!parsed.success) return this.#fail(delivery, unreadable());
    if (deliveryCount > MAX_DELIVERIES) return this.#fail(delivery, givenUp());
    return this.#run(parsed.data, delivery);
  }

  #run(job: AdmittedJob, delivery: Delivery): Promise<void> {
    const abort = new AbortController();
    const attributes = {
      'messaging.system': 'nats',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'LATENTMESH_QUEUE',
      'messaging.message.id': job.job,
      'latentmesh.job': job.job,
    };
    const ended = withSpan('job', { kind: 'consumer', parentHeaders: job.trace, attributes }, () =>
      this.#work(job, delivery, abort),
    ).finally(() => this.#running.delete(job.job));
    this.#running.set(job.job, { abort, ended });
    return ended;
  }

  async #work(job: AdmittedJob, delivery: Delivery, abort: AbortController): Promise<void> {
    const { clock, work } = this.#parts;
    // Every stage keeps the deadline itself, and says better than a clock can what it was waiting for.
    const deadline = clock.after(job.deadline_unix_ms + DEADLINE_GRACE_MS - clock.now(), () => abort.abort(late()));
    try {
      if (!(await this.#begin(job.job))) return;
      const result = await work(job, abort.signal);
      await this.#finish(job.job, { state: 'done', result });
    } catch (thrown) {
      const error = MeshError.from(thrown);
      if (shouldComeAgain(error)) throw error;
      failSpan(error);
      this.#log(job.job, error);
      await this.#fail(delivery, error);
    } finally {
      deadline.cancel();
    }
  }

  /** @returns whether there is something to do: a job may be cancelled between queue and work */
  async #begin(job: string): Promise<boolean> {
    const record = await this.#records.update(job, (present) =>
      isOver(present) ? present : { ...present, state: 'running', started_unix_ms: this.#parts.clock.now() },
    );
    if (isOver(record)) return false;
    this.#parts.tell({ type: 'started', job });
    return true;
  }

  async #fail(delivery: Delivery, error: MeshError): Promise<void> {
    const { id } = delivery.queued;
    await this.#finish(id, { state: error.code === 'CANCELLED' ? 'cancelled' : 'failed', error: error.toWire() });
    if (isOfTheMesh(error)) await this.#parts.bury(this.#letterOf(delivery, error));
  }

  #letterOf({ queued, deliveryCount }: Delivery, error: MeshError): DeadLetter {
    const { instance, clock } = this.#parts;
    return {
      job: queued.id,
      ...error.toWire(),
      deliveries: deliveryCount,
      instance,
      trace_id: activeTraceId(),
      died_unix_ms: clock.now(),
      request: queued.body,
    };
  }

  #log(job: string, error: MeshError): void {
    const cause = error.cause instanceof Error ? { err: error.cause } : {};
    this.#parts.log.warn({ job, code: error.code, reason: error.message, ...cause }, 'A job failed.');
  }

  async #enqueue(job: AdmittedJob): Promise<void> {
    try {
      await this.#parts.enqueue(job.job, job);
    } catch (thrown) {
      const error = MeshError.from(thrown);
      // Without a word from the queue it may have the job all the same: then it stays as it is, to be run or submitted again.
      if (error.code !== 'BUS_UNAVAILABLE') await this.#refuse(job.job, error);
      throw error;
    }
  }

  /** Unlike the end of a job this answers nobody: whoever submitted it gets the error itself. */
  async #refuse(job: string, error: MeshError): Promise<void> {
    const outcome = { state: 'failed', error: error.toWire(), finished_unix_ms: this.#parts.clock.now() } as const;
    const record = await this.#records.update(job, (present) =>
      isOver(present) ? present : { ...present, ...outcome },
    );
    this.#parts.tell(endEvent(record));
  }

  async #join(job: AdmittedJob, digest: string, replyTo: string | undefined): Promise<void> {
    let isNew = false;
    const record = await this.#records.update(job.job, (present) => {
      if (present.request_digest !== digest) throw conflict(job.job);
      isNew = wasRefused(present);
      if (isNew) return newRecord(job, digest, replyTo);
      return replyTo && !isOver(present) ? { ...present, reply_to: [...present.reply_to, replyTo] } : present;
    });
    if (isNew) await this.#enqueue(job);
    // Its first gateway may have been lost between record and queue; the queue drops what it has already.
    else if (record.state === 'queued') await this.#parts.enqueue(job.job, job);
    else if (replyTo && isOver(record)) await this.#parts.answer(replyTo, record);
  }

  /** Writes the outcome unless there is one, then tells it. */
  async #finish(job: string, outcome: Pick<JobRecord, 'state' | 'result' | 'error'>): Promise<JobRecord> {
    let isFirst = false;
    const record = await this.#records.update(job, (present) => {
      isFirst = !isOver(present);
      return isFirst ? { ...present, ...outcome, finished_unix_ms: this.#parts.clock.now() } : present;
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
}

function conflict(job: string): MeshError {
  return new MeshError('JOB_CONFLICT', `The job "${job}" exists already, with another request. Choose another id.`, {
    job,
  });
}

function unreadable(): MeshError {
  return new MeshError(
    'INTERNAL',
    'The queued job cannot be read: a gateway of another version accepted it. Send it again.',
  );
}

function late(): MeshError {
  return new MeshError('DEADLINE_EXCEEDED', 'The job did not end before its deadline.');
}

function givenUp(): MeshError {
  return new MeshError('ACTOR_LOST', `The job was given up after ${MAX_DELIVERIES} gateways were lost under it.`);
}

/** The gateway goes or the bus is away: not the job's fault, so it stays in the queue. */
function shouldComeAgain(error: MeshError): boolean {
  return error.code === 'DRAINING' || error.code === 'BUS_UNAVAILABLE';
}

/** Nothing was wrong with the request. Being late is told to the caller, and may be its own doing. */
function isOfTheMesh(error: MeshError): boolean {
  return error.status >= 500 && error.code !== 'DEADLINE_EXCEEDED';
}
