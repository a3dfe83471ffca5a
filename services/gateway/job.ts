/** An accepted job: the request with every default filled in and every name resolved. What lies in the queue. JSON. */
import { z } from 'zod';
import { PREPROCESSOR_NAMES } from '#shared/contracts/choices.ts';
import {
  ClientId,
  DeepCache,
  LoraStart,
  LoraUnit,
  Priority,
  PromptSyntax,
  Rng,
  Warning,
} from '#shared/contracts/generate.ts';
import { SIZE_CONDITIONING } from '#shared/contracts/size-conditioning.ts';
import { ResizeMode } from '#shared/contracts/start.ts';
import { AdmittedHires, AdmittedStart, AdmittedVariation } from './admitted-start.ts';

/** One ControlNet of an accepted job. */
const AdmittedControlNet = z.object({
  controlnet: z.string(),
  /** The finished hint, a PNG in the object store. */
  hint: z.string(),
  /** The same at the size of the second run. */
  hires_hint: z.string().optional(),
  preprocessor: z.enum(PREPROCESSOR_NAMES),
  canny_low: z.number(),
  canny_high: z.number(),
  threshold: z.number(),
  downsampling: z.number(),
  resize_mode: ResizeMode,
  controlnet_conditioning_scale: z.number(),
  control_guidance_start: z.number(),
  control_guidance_end: z.number(),
});

const PromptCall = z.object({ first_call: z.number(), index: z.number() });

/** Prompts that change over the calls of the model. */
const EditedPrompts = z.object({
  /** Each set for all pictures. */
  sets: z.array(z.object({ prompts: z.array(z.string()), negative_prompts: z.array(z.string()) })),
  /** From which call on which set is used; the first entry is of call 0. */
  calls: z.array(PromptCall),
  /** The same of the second run of `hires`. */
  hires_calls: z.array(PromptCall).optional(),
});
/** Prompts that change over the calls of the model. */
export type EditedPrompts = z.infer<typeof EditedPrompts>;

/** See the head of this file. */
export const AdmittedJob = z.object({
  job: z.string(),
  model: z.string(),
  prompts: z.array(z.string()),
  negative_prompts: z.array(z.string()),
  /** The unconditional half is zeros: no negative prompt was given, and the model was trained so. */
  zero_negative: z.boolean().default(false),
  ...SIZE_CONDITIONING,
  refiner: z.object({ model: z.string(), denoising_start: z.number() }).optional(),
  prompt_syntax: PromptSyntax,
  /** What prompts become where they are edited in mid-run. */
  edited: EditedPrompts.optional(),
  width: z.number(),
  height: z.number(),
  steps: z.number(),
  guidance_scale: z.number(),
  guidance_rescale: z.number(),
  guidance_start: z.number(),
  guidance_end: z.number(),
  /** A1111's label. */
  sampler: z.string(),
  schedule: z.string(),
  eta: z.number(),
  rng: Rng,
  /** One for each picture. */
  seeds: z.array(z.number()),
  start: AdmittedStart.optional(),
  hires: AdmittedHires.optional(),
  variation: AdmittedVariation.optional(),
  clip_skip: z.number(),
  controlnets: z.array(AdmittedControlNet),
  guess_mode: z.boolean(),
  deep_cache: DeepCache.optional(),
  /** Where it is more than 1. */
  controlnet_every: z.number().optional(),
  loras: z.array(LoraUnit.extend({ hash: z.string() })),
  lora_start: LoraStart,
  priority: Priority,
  client: ClientId.optional(),
  preview_every: z.number(),
  /** What would make it again, for its record. */
  request: z.record(z.string(), z.unknown()),
  warnings: z.array(Warning),
  accepted_unix_ms: z.number(),
  deadline_unix_ms: z.number(),
  /** Trace context of the acceptance. */
  trace: z.record(z.string(), z.string()),
});
export type AdmittedJob = z.infer<typeof AdmittedJob>;
/** One ControlNet of an accepted job. */
export type AdmittedControlNet = z.infer<typeof AdmittedControlNet>;
