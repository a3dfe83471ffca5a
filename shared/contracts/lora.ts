/** lora: the library of low-rank adapters. */
import { z } from 'zod';
import { LoraUnit } from './generate.ts';
import { operation } from './operation.ts';

/** The network a LoRA's factors are for. */
export const LoraPart = z.enum(['unet', 'text_encoder', 'text_encoder_2']);
export type LoraPart = z.infer<typeof LoraPart>;

/** A LoRA by its name, and by the content that it had when the job was accepted. */
export const PinnedLora = LoraUnit.extend({
  /** As `inspect` told it. With it, a file that was replaced since is LORA_CHANGED; without, the file is taken as it is. */
  hash: z.string().optional(),
});
export type PinnedLora = z.infer<typeof PinnedLora>;

/** The LoRAs as one network has them: with its own weights as `weight`. Those of weight 0 do nothing and are left out. */
export function lorasFor<Unit extends LoraUnit>(part: LoraPart, loras: readonly Unit[]): Unit[] {
  return loras
    .map(({ unet_weight, te_weight, ...unit }) => {
      const own = part === 'unet' ? unet_weight : te_weight;
      return { ...unit, weight: own ?? unit.weight } as Unit;
    })
    .filter(({ weight }) => weight !== 0);
}

/** Checks that every LoRA exists and fits the base model, by its header alone: the door asks this before it accepts a job. */
export const inspect = operation('lora', 'inspect', {
  request: z.object({
    loras: z.array(PinnedLora),
    /** Reads the factors as well, after the reply: they will be asked for soon. */
    is_wanted_soon: z.boolean().optional(),
  }),
  reply: z.object({
    loras: z.array(
      z.object({
        lora: z.string(),
        /** First ten hex digits of the file's SHA-256, as A1111 shows it. */
        hash: z.string(),
        bytes: z.number(),
        /** Weights that it patches, by part. */
        modules: z.record(LoraPart, z.number()),
      }),
    ),
  }),
});

/**
 * What several LoRAs change in one network, joined: W' = W + up @ down, and other kinds of changes.
 *
 * reply tensors, for every patched weight
 *   <weight>.up    f32 [O, R], weight · alpha / rank multiplied in
 *   <weight>.down  f32 [R, I·K·K]
 *   <weight>#<n>.<kind>.<tensor>   of kinds that are no plain product, see shared/tensor/weight-change.ts
 */
export const patch = operation('lora', 'patch', {
  request: z.object({ part: LoraPart, loras: z.array(PinnedLora).min(1) }),
  reply: z.object({ weights: z.number() }),
});

/** Names in the library. */
export const list = operation('lora', 'list', {
  request: z.object({}),
  reply: z.object({ loras: z.array(z.string()) }),
});
