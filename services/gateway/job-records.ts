/** The records of jobs: what is known of each, and how it changes while others change it too. */
import type { JobStore } from '#shared/bus/job-store.ts';
import type { EndEvent, JobListQuery, JobRecord } from '#shared/contracts/jobs.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { activeTraceId } from '#shared/telemetry/tracing.ts';
import type { AdmittedJob } from './job.ts';

/** Records that a filter looks at: those that changed last. */
const SEARCHED_JOBS = 1000;

/** See the head of this file. */
export class JobRecords {
  readonly #store: JobStore<JobRecord>;

  constructor(store: JobStore<JobRecord>) {
    this.#store = store;
  }

  /** @returns whether it was new */
  create(record: JobRecord): Promise<boolean> {
    return this.#store.create(record.job, record);
  }

  /** @returns nothing when there is none, or when it has aged out */
  async find(job: string): Promise<JobRecord | undefined> {
    return (await this.#store.get(job))?.record;
  }

  /** @throws MeshError UNKNOWN_JOB */
  async get(job: string): Promise<JobRecord> {
    const record = await this.find(job);
    if (record) return record;
    throw unknown(job);
  }

  /** Those that fit, the newest first; a filter looks at the thousand that changed last. */
  async list({ state, client, limit }: JobListQuery): Promise<JobRecord[]> {
    const isAsked = (record: JobRecord): boolean =>
      (state === undefined || record.state === state) && (client === undefined || record.client === client);
    const isFiltered = state !== undefined || client !== undefined;
    const records = await this.#store.recent(isFiltered ? SEARCHED_JOBS : limit);
    const newestFirst = records.filter(isAsked).sort((a, b) => b.created_unix_ms - a.created_unix_ms);
    return newestFirst.slice(0, limit);
  }

  /**
   * Changes a record; another writer in between means to look again, so `change` may be called more than once. What gives
   * the record back unchanged writes nothing.
   * @returns the record then
   * @throws MeshError UNKNOWN_JOB
   */
  async update(job: string, change: (record: JobRecord) => JobRecord): Promise<JobRecord> {
    for (;;) {
      const stored = await this.#store.get(job);
      if (!stored) throw unknown(job);
      const changed = change(stored.record);
      if (changed === stored.record || (await this.#store.update(job, changed, stored.revision))) return changed;
    }
  }
}

/** The record of a job that was just accepted. */
export function newRecord(job: AdmittedJob, digest: string, replyTo: string | undefined): JobRecord {
  return {
    job: job.job,
    state: 'queued',
    trace_id: activeTraceId(),
    created_unix_ms: job.accepted_unix_ms,
    request_digest: digest,
    request: job.request,
    ...(job.client !== undefined && { client: job.client }),
    reply_to: replyTo ? [replyTo] : [],
  };
}

/** Whether a record has its outcome. */
export function isOver(record: JobRecord): boolean {
  return record.state !== 'queued' && record.state !== 'running';
}

/** Whether the queue was full when the job came. */
export function wasRefused(record: JobRecord): boolean {
  return record.state === 'failed' && record.started_unix_ms === undefined && record.error?.code === 'QUEUE_FULL';
}

/** What is told of a job that is over. */
export function endEvent({ job, state, error }: JobRecord): EndEvent {
  if (state === 'failed' && error) return { type: 'failed', job, error };
  return state === 'cancelled' ? { type: 'cancelled', job } : { type: 'done', job };
}

function unknown(job: string): MeshError {
  return new MeshError('UNKNOWN_JOB', `There is no job "${job}"; records are kept for a day.`, { job });
}
