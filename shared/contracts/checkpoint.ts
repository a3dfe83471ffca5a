/** What a denoiser writes down of a job while it runs, for whoever has to go on with it. */
import { z } from 'zod';

/**
 * A piece of what the model has said, `latentmesh.v1.checkpoint.<job>`. Outputs of all calls are one row of numbers, call after
 * call; latents, multistep history and the position of the random numbers follow from them, by the sampler's own steps.
 *
 * tensors  noise_pred f32 [n], the numbers from `start` on
 */
export const Checkpoint = z.object({
  /** Of everything that the outputs depend on. */
  digest: z.string(),
  /** Of the process and time that computed it: two may work on one job, when the first had only been silent. */
  run: z.string(),
  /** The run that this one went on with, and how many of its numbers it took over. */
  base: z.object({ run: z.string(), count: z.number().int().min(0) }).nullable(),
  start: z.number().int().min(0),
  /** The first step with LoRAs, from 0; null while there is none. */
  lora_entered_step: z.number().int().min(0).nullable(),
});
export type Checkpoint = z.infer<typeof Checkpoint>;
