/** controlnet: ControlNets as a service. A denoiser opens a session per job and ControlNet, and asks it at every step. */
import { z } from 'zod';
import { operation } from './operation.ts';

const Session = z.string().min(1).max(128);

/** Checks that a ControlNet exists and fits the base model: the door asks this before it accepts a job. */
export const inspect = operation('controlnet', 'inspect', {
  request: z.object({ controlnet: z.string() }),
  reply: z.object({ controlnet: z.string() }),
});

/**
 * Loads the ControlNet if it is not resident, and computes the hint's features once. Opening the same session again
 * replaces it: idempotent.
 *
 * request tensors
 *   hint           u8 [1, 3, H, W]
 *   prompt_embeds  f32 [N, T, D], N = the batch of its runs (both halves of guidance, or only the conditional one)
 *   add_embeds     f32 [N, A], of SDXL: pooled text, then sinusoids of the sizes
 */
export const open = operation('controlnet', 'open', {
  request: z.object({
    session: Session,
    controlnet: z.string(),
    height: z.number().int(),
    width: z.number().int(),
    /** Factor of every residual, the middle one last. */
    controlnet_conditioning_scale: z.number(),
    guess_mode: z.boolean(),
    expires_unix_ms: z.number(),
  }),
  reply: z.object({ residuals: z.number().int() }),
});

/**
 * One step.
 *
 * request tensors
 *   latents         f32 [B, 4, h, w], scaled for the model; repeated to N inside
 * reply tensors
 *   residual_00 …   f32 [N, C, h', w'], residual_mid; scale multiplied in
 */
export const step = operation('controlnet', 'step', {
  request: z.object({ session: Session, timestep: z.number() }),
  reply: z.object({ run_ms: z.number() }),
});

/** Frees a session; unknown ones are fine. */
export const close = operation('controlnet', 'close', {
  request: z.object({ session: Session }),
  reply: z.object({}),
});

/** Names of the ControlNets that this instance can open. */
export const list = operation('controlnet', 'list', {
  request: z.object({}),
  reply: z.object({ controlnets: z.array(z.string()) }),
});
