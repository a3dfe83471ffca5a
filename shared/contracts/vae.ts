/** vae: latents become pixels, and the other way round. */
import { z } from 'zod';
import { operation } from './operation.ts';

/**
 * request tensors
 *   latents  f32 [B, 4, h, w]
 * reply tensors
 *   pixels   u8 [B, H, W, 3]
 */
export const decode = operation('vae', 'decode', {
  request: z.object({}),
  reply: z.object({ run_ms: z.number() }),
});

/**
 * The posterior of pictures, unscaled: latents are (mean + √exp(logvar) · noise) · scaling_factor.
 *
 * request tensors
 *   pixels  u8 [B, H, W, 3]
 *   mask    u8 [H, W], may be left out: where it is 128 and above the pixels are seen as 0 of −1…1, which no byte is
 * reply tensors
 *   mean    f32 [B, 4, h, w]
 *   logvar  f32 [B, 4, h, w]
 */
export const encode = operation('vae', 'encode', {
  request: z.object({}),
  reply: z.object({ run_ms: z.number(), scaling_factor: z.number() }),
});
