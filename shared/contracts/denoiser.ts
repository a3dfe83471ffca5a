/** denoiser: noise becomes latents. */
import { z } from 'zod';
import { DeepCache, GuidanceShape, LoraStart, Rng } from './generate.ts';
import { PinnedLora } from './lora.ts';
import { operation } from './operation.ts';
import { InpaintFill } from './start.ts';

/** What SDXL is told of sizes: original height and width, crop top and left, target height and width; in its refiner the aesthetic score in place of the last two. */
const TimeIds = z.array(z.number()).max(6);

/** A ControlNet of a denoising job; its hint is the tensor `hint_<index>`. */
export const DenoiseControlNet = z.object({
  controlnet: z.string(),
  controlnet_conditioning_scale: z.number(),
  control_guidance_start: z.number(),
  control_guidance_end: z.number(),
});
export type DenoiseControlNet = z.infer<typeof DenoiseControlNet>;

/** Where a run begins when that is not noise alone; the picture comes as tensors. */
export const RunStart = z.object({
  /** Steps at the beginning of the schedule that are left out. */
  first_step: z.number().int().min(0),
  /** What lies under the mask; `fill` has been done in pixels. */
  inpaint_fill: InpaintFill,
});

/** How the first noise is mixed, see shared/diffusion/variation.ts. */
export const NoiseVariation = z.object({
  /** 0 … 1. */
  strength: z.number(),
  /** One for each picture. */
  subseeds: z.array(z.number().int().min(0)),
  /** Pixels. */
  from: z.object({ height: z.number().int(), width: z.number().int() }).optional(),
});
export type NoiseVariation = z.infer<typeof NoiseVariation>;

/**
 * Denoises one batch. Progress goes to `latentmesh.v1.events.<job>`.
 *
 * request tensors
 *   prompt_embeds                  f32 [B, T, D]
 *   negative_prompt_embeds         f32 [B, T′, D], when guidance_scale > 1 and the UNet does not read the scale itself
 *   prompt_embeds_1 …              the same of each further conditioning, where a prompt is edited in mid-run
 *   negative_prompt_embeds_1 …
 *   pooled_prompt_embeds           f32 [B, P], of SDXL
 *   negative_pooled_prompt_embeds  f32 [B, P], of SDXL with guidance
 *   refiner_negative_prompt_embeds, refiner_negative_pooled_prompt_embeds  of a refiner whose negative half is another: as those without `refiner_`
 *   hint_0 …                       u8 [1, 3, H, W], one for each ControlNet
 *   init_mean                      f32 [1 or B, 4, h, w], with `start`: clean latents to begin from
 *   init_deviation                 the same shape: they are drawn, mean + deviation · noise; left out: they are the mean
 *   mask                           f32 [1, 1, h, w], 1 where the picture is painted anew, 0 where it is held to `init`
 *   masked_image_mean, masked_image_deviation  f32 [1, 4, h, w], for inpainting UNets: the picture without what is under the mask
 * reply tensors
 *   latents                        f32 [B, 4, h, w]
 */
export const denoise = operation('denoiser', 'denoise', {
  request: z.object({
    job: z.string(),
    /** Pixels. */
    height: z.number().int(),
    width: z.number().int(),
    steps: z.number().int().min(1),
    sampler: z.string(),
    schedule: z.string().default('automatic'),
    /** Left out: the sampler's own. */
    eta: z.number().optional(),
    rng: Rng.default('cpu'),
    guidance_scale: z.number(),
    /** Of SDXL; the negative half has the same unless told. */
    time_ids: TimeIds.optional(),
    negative_time_ids: TimeIds.optional(),
    /** What is left of the way from so far on is made by the refiner's UNet, which is told other sizes. */
    refiner: z.object({ denoising_start: z.number(), time_ids: TimeIds, negative_time_ids: TimeIds }).optional(),
    ...GuidanceShape,
    /** Which embeddings a call has, where they change: from `first_call` on those of that index. The first entry is of call 0. */
    conditionings: z
      .array(z.object({ first_call: z.number().int().min(0), index: z.number().int().min(0) }))
      .default([]),
    /** One generator for each picture; a single seed draws for the whole batch, as one generator of Diffusers does. */
    seeds: z.array(z.number().int().min(0)).min(1),
    guess_mode: z.boolean(),
    deep_cache: DeepCache.optional(),
    /** Calls that one answer of the ControlNets is for; left out: 1. */
    controlnet_every: z.number().int().min(1).optional(),
    controlnets: z.array(DenoiseControlNet),
    loras: z.array(PinnedLora),
    lora_start: LoraStart,
    start: RunStart.optional(),
    variation: NoiseVariation.optional(),
    /** Calls of the model that the job makes in other runs: its progress counts them all. */
    other_calls: z.object({ before: z.number().int(), after: z.number().int() }).optional(),
    /** A preview goes to `latentmesh.v1.previews.<job>` after every so many calls; none when left out or 0. */
    preview_every: z.number().int().min(0).optional(),
  }),
  reply: z.object({
    /** Time in the UNet's runs, ms. */
    run_ms: z.number(),
    steps: z.number(),
    /** The first step with LoRAs, from 0; null when none entered the UNet. */
    lora_entered_step: z.number().nullable(),
  }),
});
/** The body of a request to denoise. */
export type DenoiseRequest = z.infer<typeof denoise.request>;
/** The body of its reply. */
export type DenoiseReply = z.infer<typeof denoise.reply>;

/**
 * Asks an idle denoiser for one half of a guided job: the unconditional one. It gives way to jobs of its own at any step:
 * its answers are then ACTOR_LOST, and whoever asked computes the half itself.
 *
 * request tensors
 *   prompt_embeds  f32 [B, T, D]; and under the names of the UNet's inputs what else that takes: `add_embeds`, `mask` …
 *   hint_0 …       u8 [1, 3, H, W], one for each ControlNet
 */
export const assist = operation('denoiser', 'assist', {
  request: z.object({
    /** Its name from then on. */
    half: z.string(),
    /** Instance that asks: the half is forgotten when that is lost. */
    asker: z.string(),
    /** Pixels. */
    height: z.number().int(),
    width: z.number().int(),
    guess_mode: z.boolean(),
    controlnets: z.array(DenoiseControlNet),
    loras: z.array(PinnedLora),
    /** Calls of the model, from the first to the last step. */
    calls: z.number().int().min(1),
  }),
  /** Not accepted by one that has something to do. */
  reply: z.object({ is_accepted: z.boolean() }),
});
/** The body of a request to assist. */
export type AssistRequest = z.infer<typeof assist.request>;

/**
 * One call of the half.
 *
 * request tensors  latents f32 [B, 4, h, w], scaled for the model
 * reply tensors    noise_pred f32 [B, 4, h, w]
 */
export const assistStep = operation('denoiser', 'assist-step', {
  request: z.object({
    half: z.string(),
    /** From 0. */
    call: z.number().int().min(0),
    timestep: z.number(),
    /** Whether the job's LoRAs are in the weights of this call. */
    is_adapted: z.boolean(),
  }),
  /** Time in the UNet's runs, ms. */
  reply: z.object({ run_ms: z.number() }),
});
/** The body of a request for one call. */
export type AssistStepRequest = z.infer<typeof assistStep.request>;

/** Ends the half. */
export const assistEnd = operation('denoiser', 'assist-end', {
  request: z.object({ half: z.string() }),
  reply: z.object({}),
});
