/** One job, as the page knows it. */
import type { GenerateInput, Timings, Warning } from '#shared/contracts/generate.ts';
import type { JobState } from '#shared/contracts/jobs.ts';
import type { ErrorBody, ServedImage } from '../server.ts';

/** A job as the page shows it. */
export interface Job {
  readonly job: string;
  readonly state: JobState;
  readonly prompt: string;
  readonly createdUnixMs: number;
  /** Pictures that were asked for. */
  readonly batch: number;
  readonly step: number;
  readonly steps: number;
  readonly etaMs?: number;
  /** Jobs before it in the queue. */
  readonly position?: number;
  /** Data URLs of the pictures as they are now. */
  readonly previews: readonly string[];
  readonly images: readonly ServedImage[];
  readonly warnings: readonly Warning[];
  readonly timings?: Timings;
  readonly error?: ErrorBody;
  /** What would make it again, with pictures by the names under which the mesh keeps them for a day. */
  readonly request?: GenerateInput;
}

/** Whether a job is not over. */
export function isRunning({ state }: Pick<Job, 'state'>): boolean {
  return state === 'queued' || state === 'running';
}
