/** `latentmesh.v1.dead`: a job that the mesh could not do, though nothing was wrong with its request. JSON, kept for a week. */
import { z } from 'zod';

/** See the head of this file. */
export const DeadLetter = z.object({
  job: z.string(),
  /** Why: a code of docs/errors.md, and the text for people. */
  code: z.string(),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).optional(),
  /** How many times a gateway was given the job. */
  deliveries: z.number().int(),
  /** The gateway that gave it up. */
  instance: z.string(),
  trace_id: z.string(),
  died_unix_ms: z.number(),
  /** What lay in the queue, prompts and all: `request` of the same kind is what a gateway of this version takes. */
  request: z.unknown(),
});
export type DeadLetter = z.infer<typeof DeadLetter>;
