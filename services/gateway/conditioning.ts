/** What the denoiser is given of a job besides its numbers, made from what the text encoder said. */
import type { Pipeline } from '#shared/checkpoint/pipeline.ts';
import { isGuided } from '#shared/diffusion/guidance.ts';
import { f32, pick, type TensorMap } from '#shared/tensor/tensor.ts';
import type { AdmittedJob } from './job.ts';

/** What of a job decides its unconditional half. */
type NegativeHalf = Pick<AdmittedJob, 'guidance_scale' | 'negative_prompts' | 'zero_negative'>;

const NAMES = ['prompt_embeds', 'pooled_prompt_embeds'] as const;

/** The negative prompts to encode; null when nobody reads them: without an unconditional half, or where that is zeros. */
export function negativePrompts(job: NegativeHalf, { unet }: Pipeline): string[] | null {
  return isGuided(job.guidance_scale, unet) && !job.zero_negative ? job.negative_prompts : null;
}

/** Adds an unconditional half of zeros where the job has that. */
export function withZeroNegative(encoded: TensorMap, job: NegativeHalf, { unet }: Pipeline): TensorMap {
  if (!job.zero_negative || !isGuided(job.guidance_scale, unet)) return encoded;
  const names = NAMES.filter((name) => encoded[name] !== undefined);
  const zeros = names.map((name) => [`negative_${name}`, f32(pick(encoded, name, 'f32').shape)]);
  return { ...encoded, ...Object.fromEntries(zeros) };
}
