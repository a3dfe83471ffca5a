/** text-encoder: prompts become embeddings. */
import { z } from 'zod';
import { PromptSyntax } from './generate.ts';
import { PinnedLora } from './lora.ts';
import { operation } from './operation.ts';

/**
 * Encodes prompts, with LoRAs applied to the encoder first.
 *
 * reply tensors
 *   prompt_embeds                  f32 [B, T, D]; T is 77, or a multiple of it with `a1111`; of SDXL both encoders' side by side
 *   negative_prompt_embeds         f32 [B, T′, D], when negative prompts are given
 *   pooled_prompt_embeds           f32 [B, P], of SDXL
 *   negative_pooled_prompt_embeds  f32 [B, P], of SDXL when negative prompts are given
 */
export const encode = operation('text-encoder', 'encode', {
  request: z.object({
    prompts: z.array(z.string()).min(1),
    negative_prompts: z.array(z.string()).nullable(),
    /** As A1111 counts: 1 is the last layer. With `plain` the negative prompt is not skipped, as in Diffusers. */
    clip_skip: z.number().int().min(1),
    prompt_syntax: PromptSyntax.default('plain'),
    /** Chunks of 75 tokens that every prompt is filled up to; with `a1111` alone. */
    min_chunks: z.number().int().min(1).default(1),
    negative_min_chunks: z.number().int().min(1).default(1),
    loras: z.array(PinnedLora),
  }),
  reply: z.object({
    /** Prompts longer than the encoder's 77 tokens, and what of them it did not see. */
    truncated: z.array(z.object({ field: z.enum(['prompt', 'negative_prompt']), index: z.number(), text: z.string() })),
    cached: z.boolean(),
  }),
});
/** The body of a request. */
export type EncodeRequest = z.infer<typeof encode.request>;
/** The body of a reply. */
export type EncodeReply = z.infer<typeof encode.reply>;
