/** An accepted job: the request with every default filled in and every name resolved. What lies in the queue. JSON. */
import { z } from 'zod';
import { ClientId, LoraStart, LoraUnit, Priority, Warning } from '#shared/contracts/generate.ts';

/** One ControlNet of an accepted job. */
const AdmittedControlNet = z.object({
  controlnet: z.string(),
  /** The finished hint, a PNG in the object store. */
  hint: z.string(),
  preprocessor: z.enum(['canny', 'none']),
  canny_low: z.number(),
  canny_high: z.number(),
  controlnet_conditioning_scale: z.number(),
  control_guidance_start: z.number(),
  control_guidance_end: z.number(),
});

/** See the head of this file. */
export const AdmittedJob = z.object({
  job: z.string(),
  model: z.string(),
  prompts: z.array(z.string()),
  negative_prompts: z.array(z.string()),
  width: z.number(),
  height: z.number(),
  steps: z.number(),
  guidance_scale: z.number(),
  /** A1111's label. */
  sampler: z.string(),
  eta: z.number(),
  /** One for each picture. */
  seeds: z.array(z.number()),
  clip_skip: z.number(),
  controlnets: z.array(AdmittedControlNet),
  guess_mode: z.boolean(),
  loras: z.array(LoraUnit.extend({ hash: z.string() })),
  lora_start: LoraStart,
  priority: Priority,
  client: ClientId.optional(),
  preview_every: z.number(),
  warnings: z.array(Warning),
  accepted_unix_ms: z.number(),
  deadline_unix_ms: z.number(),
  /** Trace context of the acceptance. */
  trace: z.record(z.string(), z.string()),
});
export type AdmittedJob = z.infer<typeof AdmittedJob>;
/** One ControlNet of an accepted job. */
export type AdmittedControlNet = z.infer<typeof AdmittedControlNet>;
