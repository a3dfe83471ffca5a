/** What the denoiser is given of a job besides its numbers, made from what the text encoder said. */
import type { Pipeline } from '#shared/checkpoint/pipeline.ts';
import { isGuided } from '#shared/diffusion/guidance.ts';
import { f32, pick, type TensorMap } from '#shared/tensor/tensor.ts';
import type { AdmittedJob } from './job.ts';

/** What of a job decides its unconditional half. */
type NegativeHalf = Pick<AdmittedJob, 'guidance_scale' | 'negative_prompts' | 'zero_negative' | 'refiner'>;

const NAMES = ['prompt_embeds', 'pooled_prompt_embeds'] as const;

/** The negative prompts to encode; null when nobody reads them: without an unconditional half, or where that is zeros. */
export function negativePrompts(job: NegativeHalf, pipeline: Pipeline): string[] | null {
  const isRead = !job.zero_negative || readsNegative(job, pipeline);
  return isGuided(job.guidance_scale, pipeline.unet) && isRead ? job.negative_prompts : null;
}

/** Whether the job's refiner has no zeros where its base has them, as those of SDXL. */
function readsNegative({ refiner }: NegativeHalf, pipeline: Pipeline): boolean {
  return refiner !== undefined && pipeline.refiner?.forcesZeros === false;
}

/** Adds an unconditional half of zeros where the job has that. */
export function withZeroNegative(encoded: TensorMap, job: NegativeHalf, pipeline: Pipeline): TensorMap {
  if (!job.zero_negative || !isGuided(job.guidance_scale, pipeline.unet)) return encoded;
  const names = NAMES.filter((name) => encoded[name] !== undefined);
  const zeros = names.map((name) => [`negative_${name}`, f32(pick(encoded, name, 'f32').shape)]);
  const read = readsNegative(job, pipeline) ? names.map((name) => `negative_${name}`) : [];
  const refiner = read.map((name) => [`refiner_${name}`, encoded[name]!]);
  return { ...encoded, ...Object.fromEntries([...zeros, ...refiner]) };
}
