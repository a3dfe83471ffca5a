/** text-encoder: prompts become embeddings. */
import { z } from 'zod';
import { PinnedLora } from './lora.ts';
import { operation } from './operation.ts';

/**
 * Encodes prompts, with LoRAs applied to the encoder first.
 *
 * reply tensors
 *   prompt_embeds           f32 [B, T, D]
 *   negative_prompt_embeds  f32 [B, T, D], when negative prompts are given
 */
export const encode = operation('text-encoder', 'encode', {
  request: z.object({
    prompts: z.array(z.string()).min(1),
    negative_prompts: z.array(z.string()).nullable(),
    /** As A1111 counts: 1 is the last layer. The negative prompt is not skipped, as in Diffusers. */
    clip_skip: z.number().int().min(1),
    loras: z.array(PinnedLora),
  }),
  reply: z.object({
    /** Prompts longer than the encoder's 77 tokens, and what of them it did not see. */
    truncated: z.array(z.object({ field: z.enum(['prompt', 'negative_prompt']), index: z.number(), text: z.string() })),
    cached: z.boolean(),
  }),
});
