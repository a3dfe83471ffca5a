/** The desk of the gateway: what every way in (NATS, HTTP) does with a request, so that all of them do the same. */
import { createHash } from 'node:crypto';
import type { ResultStore } from '#shared/bus/object-store.ts';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import { JobListQuery, JobQuery, type JobRecord } from '#shared/contracts/jobs.ts';
import { type ActiveSpan, withSpan } from '#shared/telemetry/tracing.ts';
import type { Admission } from './admission.ts';
import type { ClientLimit, ClientShares } from './client-shares.ts';
import { isOver } from './job-records.ts';
import { jobAttributes } from './job-span.ts';
import type { Jobs } from './jobs.ts';
import type { Outcomes } from './outcomes.ts';
import type { QueueGate } from './queue-gate.ts';
import { resultOf } from './replies.ts';
import { parseRequest } from './validation.ts';

/** What a desk is made of. */
export interface DeskParts {
  readonly gate: QueueGate;
  readonly admission: Admission;
  readonly jobs: Jobs;
  readonly outcomes: Outcomes;
  readonly files: ResultStore;
  readonly shares: ClientShares;
}

/** Who asks. */
export interface Caller {
  /** Its trace context, and the client that it is. */
  readonly headers: Readonly<Record<string, string>>;
  /** How many jobs it may have; left out: any number. */
  readonly limit?: ClientLimit;
}

/** Names the client that an API key stands for: its jobs are of that client, whatever the request says. */
export const CLIENT_HEADER = 'latentmesh-client';

/** See the head of this file. */
export class Desk {
  readonly #parts: DeskParts;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /** Accepts a job whose caller waits on a subject; whichever gateway ends the job answers there. @returns the job's id */
  accept(input: unknown, caller: Caller & { readonly replyTo?: string }): Promise<string> {
    const asked = withClient(input, caller.headers[CLIENT_HEADER]);
    return this.#parts.gate.pass(nameOf(asked), () =>
      withSpan('generate', { kind: 'server', parentHeaders: caller.headers }, (span) =>
        this.#submit(asked, caller, span),
      ),
    );
  }

  async #submit(asked: unknown, caller: Caller & { readonly replyTo?: string }, span: ActiveSpan): Promise<string> {
    const { admission, jobs, shares } = this.#parts;
    const place = caller.limit && shares.take(caller.limit);
    try {
      const job = await admission.admit(asked);
      span.set(jobAttributes(job));
      place?.hold(job.job, job.deadline_unix_ms);
      await jobs.submit(job, digestOf(asked), caller.replyTo);
      // The name may be that of a job which was over before.
      if (place && isOver(await jobs.get(job.job))) place.free();
      return job.job;
    } catch (error) {
      place?.free();
      throw error;
    }
  }

  /** Accepts a job and waits for its end; pictures are in the object store. An abort cancels the job. @throws MeshError of the door or of the job */
  async generate(input: GenerateInput, caller: Caller & { readonly signal: AbortSignal }): Promise<GenerateReply> {
    return this.outcome(await this.accept(input, caller), caller.signal);
  }

  /** Waits for the end of a job; pictures are in the object store. An abort cancels it. @throws MeshError of the job */
  async outcome(job: string, signal: AbortSignal): Promise<GenerateReply> {
    try {
      return resultOf(await this.#parts.outcomes.wait(job, signal));
    } catch (error) {
      if (signal.aborted) await this.#parts.jobs.cancel(job);
      throw error;
    }
  }

  /** @throws MeshError INVALID_REQUEST, UNKNOWN_JOB */
  job(query: unknown): Promise<JobRecord> {
    return this.#parts.jobs.get(parseRequest(JobQuery, query).job);
  }

  /** @throws MeshError INVALID_REQUEST */
  jobs(query: unknown): Promise<JobRecord[]> {
    return this.#parts.jobs.list(parseRequest(JobListQuery, query));
  }

  /** @throws MeshError INVALID_REQUEST, UNKNOWN_JOB */
  cancel(query: unknown): Promise<JobRecord> {
    return this.#parts.jobs.cancel(parseRequest(JobQuery, query).job);
  }
}

function nameOf(input: unknown): unknown {
  return (input as { job?: unknown } | null)?.job;
}

function withClient(input: unknown, client: string | undefined): unknown {
  return client === undefined || typeof input !== 'object' || input === null ? input : { ...input, client };
}

/** Equal for equal requests, whatever the order of their fields. */
function digestOf(input: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(input)))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, field]) => [key, sorted(field)]));
}
