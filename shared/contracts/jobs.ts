/** What people can ask of a job: its record, its end, and its events as they come. JSON. */
import { z } from 'zod';
import { ClientId, GenerateReply, JobId } from './generate.ts';
import { DEFAULT_LISTED_JOBS, MAX_LISTED_JOBS } from './limits.ts';

/** One job: `latentmesh.v1.cancel` takes this, and `latentmesh.v1.jobs`, which without a job takes a {@link JobListQuery}. */
export const JobQuery = z.strictObject({ job: JobId });

/** `done`, `failed` and `cancelled` are final. */
export const JobState = z.enum(['queued', 'running', 'done', 'failed', 'cancelled']);

/** Which jobs to list: the newest first. */
export const JobListQuery = z.strictObject({
  state: JobState.optional(),
  client: ClientId.optional(),
  limit: z.number().int().min(1).max(MAX_LISTED_JOBS).default(DEFAULT_LISTED_JOBS),
});

/** An error as it stands in records and replies. */
export const ErrorBody = z.object({
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
});

/** What is known of a job, kept for a day. Pictures are in the object store. */
export const JobRecord = z.object({
  job: z.string(),
  state: JobState,
  trace_id: z.string(),
  created_unix_ms: z.number(),
  started_unix_ms: z.number().optional(),
  finished_unix_ms: z.number().optional(),
  /** Digest of the request: the same job id with another request is a conflict. */
  request_digest: z.string(),
  /** The request with every default filled in; pictures in it are names in the object store. It can be sent again. */
  request: z.record(z.string(), z.unknown()).optional(),
  client: z.string().optional(),
  result: GenerateReply.optional(),
  error: ErrorBody.optional(),
  /** Reply addresses (subject, and msgpack where that was asked for) of callers that wait over NATS; answered by whichever gateway ends the job. */
  reply_to: z.array(z.string()),
});

const Progress = { job: z.string(), step: z.number(), steps: z.number() };

/** `latentmesh.v1.events.<job>`. */
export const JobEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('queued'),
    job: z.string(),
    /** Jobs that were accepted before it and have not started; 0 is the next one. Over HTTP only. */
    position: z.number().optional(),
  }),
  z.object({ type: z.literal('started'), job: z.string() }),
  z.object({
    type: z.literal('progress'),
    ...Progress,
    /** The denoiser that works on it. */
    instance: z.string().optional(),
    /** Until the last step at the rate of the latest ones, ms. */
    eta_ms: z.number().optional(),
  }),
  z.object({
    type: z.literal('preview'),
    ...Progress,
    /** What the pictures would be by now, one data URL (JPEG) for each. */
    images: z.array(z.string()),
  }),
  z.object({ type: z.literal('done'), job: z.string() }),
  z.object({ type: z.literal('failed'), job: z.string(), error: ErrorBody }),
  z.object({ type: z.literal('cancelled'), job: z.string() }),
]);

export type JobRecord = z.infer<typeof JobRecord>;
export type JobListQuery = z.infer<typeof JobListQuery>;
export type JobState = z.infer<typeof JobState>;
export type JobEvent = z.infer<typeof JobEvent>;
export type ErrorBody = z.infer<typeof ErrorBody>;

/** The last event of a job. */
export type EndEvent = Extract<JobEvent, { type: 'done' | 'failed' | 'cancelled' }>;

/** Whether nothing comes after an event. */
export function isEndEvent(event: JobEvent): event is EndEvent {
  return event.type === 'done' || event.type === 'failed' || event.type === 'cancelled';
}
