/** What people can ask of a job: its record, its end, and its events as they come. JSON. */
import { z } from 'zod';
import { GenerateReply, JobId } from './generate.ts';

/** `latentmesh.v1.jobs` and `latentmesh.v1.cancel` take this. */
export const JobQuery = z.strictObject({ job: JobId });

/** `done`, `failed` and `cancelled` are final. */
export const JobState = z.enum(['queued', 'running', 'done', 'failed', 'cancelled']);

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
  result: GenerateReply.optional(),
  error: ErrorBody.optional(),
  /** Reply subjects of callers that wait over NATS; answered by whichever gateway ends the job. */
  reply_to: z.array(z.string()),
});

/** `latentmesh.v1.events.<job>`. */
export const JobEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('queued'), job: z.string() }),
  z.object({ type: z.literal('started'), job: z.string() }),
  z.object({ type: z.literal('progress'), job: z.string(), step: z.number(), steps: z.number() }),
  z.object({ type: z.literal('done'), job: z.string() }),
  z.object({ type: z.literal('failed'), job: z.string(), error: ErrorBody }),
  z.object({ type: z.literal('cancelled'), job: z.string() }),
]);

export type JobRecord = z.infer<typeof JobRecord>;
export type JobState = z.infer<typeof JobState>;
export type JobEvent = z.infer<typeof JobEvent>;
export type ErrorBody = z.infer<typeof ErrorBody>;
