/** The contract with people and programs: one generation, JSON in, JSON out, the same over NATS, HTTP and command line. */
import { z } from 'zod';
import { PROMPT_SYNTAXES, RNGS } from './choices.ts';
import { ImageSource, Seed, Side } from './fields.ts';
import {
  DEFAULT_DEADLINE_MS,
  MAX_BATCH,
  MAX_CLIENT_CHARS,
  MAX_CLIP_SKIP,
  MAX_CONTROLNETS,
  MAX_DEADLINE_MS,
  MAX_GUIDANCE_SCALE,
  MAX_LORAS,
  MAX_PIXELS,
  MAX_PROMPT_CHARS,
  MAX_STEPS,
  MIN_SIDE,
} from './limits.ts';
import { Preprocessor } from './preprocessors.ts';
import { Refiner } from './refiner.ts';
import { SIZE_CONDITIONING } from './size-conditioning.ts';
import { ResizeMode, START_FIELDS } from './start.ts';

/** A job's name, chosen by the caller or made for them; a second request with the same name is the same job. */
export const JobId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be letters, digits, "_" and "-", at most 64 of them');

const Prompt = z.string().max(MAX_PROMPT_CHARS);
const Name = z.string().min(1).max(4096);

/** One ControlNet of a job. */
export const ControlNetUnit = z
  .strictObject({
    controlnet: Name,
    image: ImageSource,
    preprocessor: Preprocessor.default('canny'),
    canny_low: z.number().int().min(0).max(1000).default(100),
    canny_high: z.number().int().min(0).max(1000).default(200),
    /** Of the preprocessor `threshold`: the level from which on a pixel is white. */
    threshold: z.number().int().min(0).max(255).default(127),
    /** Of `tile_resample`: how many times smaller the picture is before it is brought back. */
    downsampling: z.number().min(1).max(8).default(1),
    /** How the image comes to the picture's size, before the preprocessor. */
    resize_mode: ResizeMode.default('stretch'),
    controlnet_conditioning_scale: z.number().min(0).max(5).default(1),
    /** Part of the steps in which it acts, as fractions. */
    control_guidance_start: z.number().min(0).max(1).default(0),
    control_guidance_end: z.number().min(0).max(1).default(1),
  })
  .refine((unit) => unit.control_guidance_start < unit.control_guidance_end, {
    path: ['control_guidance_start'],
    message: 'must be before control_guidance_end',
  })
  .refine((unit) => unit.canny_low <= unit.canny_high, {
    path: ['canny_low'],
    message: 'must not be above canny_high',
  });

const LoraWeight = z.number().min(-10).max(10);

/** One LoRA of a job, by its name in the library. Named twice, its weights add up. */
export const LoraUnit = z.strictObject({
  lora: Name,
  /** Of both parts, unless one has its own. */
  weight: LoraWeight.default(1),
  unet_weight: LoraWeight.optional(),
  /** Of the text encoders' part. */
  te_weight: LoraWeight.optional(),
});

const Step = z
  .number()
  .int()
  .min(0)
  .max(MAX_STEPS - 1);

/**
 * When the LoRAs of a job enter its UNet; steps count from 0, those before are denoised by the base weights.
 * `exact`: before the first, waiting for them. `at_step` K: at step K, whatever is cached, so the picture depends on the
 * request alone. `max_steps` K: as soon as they are there, at step K at the latest. Text encoders have them from the start.
 */
export const LoraStart = z.union([
  z.strictObject({ at_step: Step }),
  z.strictObject({ max_steps: Step }),
  z.literal('exact', 'must be "exact", {"at_step": K} or {"max_steps": K}'),
]);

/**
 * Steps that compute only the outermost layers of the UNet and take the rest from an earlier step.
 * Source: DeepCache (Ma et al., CVPR 2024), https://arxiv.org/abs/2312.00858
 */
export const DeepCache = z
  .strictObject({
    /** Every so many steps is computed whole, ControlNets included. */
    cache_interval: z.number().int().min(2).max(MAX_STEPS),
    /** 0: only the last layer is computed; the more, the nearer to the whole. */
    cache_branch_id: z.number().int().min(0).max(7).default(0),
    /** Part of the run, as fractions, outside of which every step is whole: the first steps decide what the picture is of. */
    cache_start: z.number().min(0).max(1).default(0),
    cache_end: z.number().min(0).max(1).default(1),
  })
  .refine(({ cache_start, cache_end }) => cache_start < cache_end, {
    path: ['cache_start'],
    message: 'must be before cache_end',
  });

/** Class of a job in the queue: higher ones are taken first, though not for ever. */
export const Priority = z.enum(['low', 'normal', 'high']);

/** Whom a job is for; jobs of one class are taken by turns among clients. Nobody checks it. */
export const ClientId = z.string().min(1).max(MAX_CLIENT_CHARS);

/** Where noise comes from: `cpu` draws the numbers of torch's CPU generator (Diffusers, ComfyUI), `philox` those of CUDA (A1111). */
export const Rng = z.enum(RNGS);

/**
 * How prompts are read. `plain`: as text, of which the text encoder sees 77 tokens, as in Diffusers. `a1111`: in the web UI's
 * grammar: weights, BREAK, editing over the steps, `<lora:…>`, any length.
 */
export const PromptSyntax = z.enum(PROMPT_SYNTAXES);

/** How guidance acts besides its scale. */
export const GuidanceShape = {
  /** How far guided noise is brought back to the deviation of the conditional one, 0 … 1. */
  guidance_rescale: z.number().min(0).max(1).default(0),
  /** Part of the steps in which there is guidance, as fractions; outside of it there is the conditional half alone. */
  guidance_start: z.number().min(0).max(1).default(0),
  guidance_end: z.number().min(0).max(1).default(1),
};

/** What a caller asks for. Fields left out take the defaults below; `width`, `height` and `sampler` those of the model. */
export const GenerateRequest = z
  .strictObject({
    job: JobId.optional(),
    model: Name.optional(),
    /** One prompt for all pictures, or one for each. An empty one leaves the picture to the model. */
    prompt: z.union([Prompt, z.array(Prompt).min(1).max(MAX_BATCH)]),
    /** Left out it is empty; of most SDXL models the unconditional half is then zeros, as in Diffusers. */
    negative_prompt: z.union([Prompt, z.array(Prompt).min(1).max(MAX_BATCH)]).optional(),
    prompt_syntax: PromptSyntax.default('plain'),
    width: Side.optional(),
    height: Side.optional(),
    steps: z.number().int().min(1).max(MAX_STEPS).default(20),
    guidance_scale: z.number().min(0).max(MAX_GUIDANCE_SCALE).default(7.5),
    ...GuidanceShape,
    ...SIZE_CONDITIONING,
    /** The last part of the run by the mesh's refiner; of two runs, the second. */
    refiner: Refiner.optional(),
    /** A1111's label, "DPM++ 2M Karras"; also aliases. */
    sampler: z.string().min(1).max(64).optional(),
    /** How noise levels are spread: "karras", "SGM Uniform". Left out: as the sampler's name or the checkpoint says. */
    schedule: z.string().min(1).max(64).optional(),
    /** Share of fresh noise in DDIM, TCD and the ancestral samplers, 0 … 1; left out: the sampler's own. */
    eta: z.number().min(0).max(1).optional(),
    rng: Rng.default('cpu'),
    /** Of the first picture; the next ones count up. Or one for each picture. Left out: drawn at random and told. */
    seed: z.union([Seed, z.array(Seed).min(1).max(MAX_BATCH)]).optional(),
    batch: z.number().int().min(1).max(MAX_BATCH).optional(),
    ...START_FIELDS,
    /** As A1111 counts: 1 is the last layer. */
    clip_skip: z.number().int().min(1).max(MAX_CLIP_SKIP).default(1),
    controlnets: z.array(ControlNetUnit).max(MAX_CONTROLNETS).default([]),
    /** Diffusers' guess mode: control only on the conditional half, growing from 0.1 to 1 with depth. */
    guess_mode: z.boolean().default(false),
    /** ControlNets are asked in every so many-th step; those between use what they said last. */
    controlnet_every: z.number().int().min(1).max(MAX_STEPS).default(1),
    loras: z.array(LoraUnit).max(MAX_LORAS).default([]),
    lora_start: LoraStart.default('exact'),
    deep_cache: DeepCache.optional(),
    /** `fast`: near the exact picture in about half of its time, by what docs/speed.md measures. */
    preset: z.enum(['exact', 'fast']).default('exact'),
    priority: Priority.default('normal'),
    /** Callers who leave it out are one client. */
    client: ClientId.optional(),
    /** A preview after every so many steps, in events; 0 for none. */
    preview_every: z.number().int().min(0).max(MAX_STEPS).default(0),
    /** Time from acceptance to reply, ms. */
    deadline_ms: z.number().int().min(1).max(MAX_DEADLINE_MS).default(DEFAULT_DEADLINE_MS),
  })
  .refine((request) => request.guidance_start < request.guidance_end, {
    path: ['guidance_start'],
    message: 'must be before guidance_end',
  })
  .refine((request) => (request.width ?? MIN_SIDE) * (request.height ?? MIN_SIDE) <= MAX_PIXELS, {
    path: ['width'],
    message: `times height must be at most ${MAX_PIXELS} pixels`,
  });

export type GenerateRequest = z.infer<typeof GenerateRequest>;
/** The request as a caller writes it, before defaults. */
export type GenerateInput = z.input<typeof GenerateRequest>;
export type ControlNetUnit = z.infer<typeof ControlNetUnit>;
export type DeepCache = z.infer<typeof DeepCache>;
export type LoraUnit = z.infer<typeof LoraUnit>;
export type Priority = z.infer<typeof Priority>;
export type Rng = z.infer<typeof Rng>;
export type PromptSyntax = z.infer<typeof PromptSyntax>;
export type LoraStart = z.infer<typeof LoraStart>;

/** A finished picture: inline while the whole reply fits a message, else a name in the object store. */
export const GeneratedImage = z.object({
  seed: z.number(),
  width: z.number(),
  height: z.number(),
  /** PNG. */
  b64_json: z.string().optional(),
  /** `nats object get <bucket> <name>`. */
  object: z.object({ bucket: z.string(), name: z.string(), bytes: z.number() }).optional(),
  /** A1111's text of the parameters, as it stands in the PNG. */
  parameters: z.string(),
});

/** Something that was not as asked, though the job went on: a prompt that was cut. */
export const Warning = z.object({ field: z.string(), message: z.string() });

/** Where the time of a job went, ms. */
export const Timings = z.object({
  queued_ms: z.number(),
  encode_ms: z.number(),
  denoise_ms: z.number(),
  decode_ms: z.number(),
  total_ms: z.number(),
});

/** The finished job. */
export const GenerateReply = z.object({
  job: z.string(),
  trace_id: z.string(),
  model: z.string(),
  images: z.array(GeneratedImage),
  /** The first step with LoRAs, where they entered the UNet otherwise than `exact`: `at_step` with it makes the picture again. */
  lora_entered_step: z.number().optional(),
  warnings: z.array(Warning),
  timings: Timings,
});

export type GeneratedImage = z.infer<typeof GeneratedImage>;
export type GenerateReply = z.infer<typeof GenerateReply>;
export type Warning = z.infer<typeof Warning>;
export type Timings = z.infer<typeof Timings>;
