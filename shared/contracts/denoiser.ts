/** denoiser: noise becomes latents. */
import { z } from 'zod';
import { LoraStart } from './generate.ts';
import { PinnedLora } from './lora.ts';
import { operation } from './operation.ts';

/** A ControlNet of a denoising job; its hint is the tensor `hint_<index>`. */
export const DenoiseControlNet = z.object({
  controlnet: z.string(),
  controlnet_conditioning_scale: z.number(),
  control_guidance_start: z.number(),
  control_guidance_end: z.number(),
});
export type DenoiseControlNet = z.infer<typeof DenoiseControlNet>;

/**
 * Denoises one batch. Progress goes to `latentmesh.v1.events.<job>`.
 *
 * request tensors
 *   prompt_embeds           f32 [B, T, D]
 *   negative_prompt_embeds  f32 [B, T, D], when guidance_scale > 1
 *   hint_0 …                u8 [1, 3, H, W], one for each ControlNet
 * reply tensors
 *   latents                 f32 [B, 4, h, w]
 */
export const denoise = operation('denoiser', 'denoise', {
  request: z.object({
    job: z.string(),
    /** Pixels. */
    height: z.number().int(),
    width: z.number().int(),
    steps: z.number().int().min(1),
    sampler: z.string(),
    eta: z.number(),
    guidance_scale: z.number(),
    /** One generator for each picture; a single seed draws for the whole batch, as one generator of Diffusers does. */
    seeds: z.array(z.number().int().min(0)).min(1),
    guess_mode: z.boolean(),
    controlnets: z.array(DenoiseControlNet),
    loras: z.array(PinnedLora),
    lora_start: LoraStart,
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
