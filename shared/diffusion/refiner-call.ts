/**
 * Where a run changes from one UNet to the other.
 * Source: https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/pipelines/stable_diffusion_xl/pipeline_stable_diffusion_xl.py (denoising_end)
 */
import type { Sampler } from './sampler.ts';
import { readSettings, type SchedulerConfig } from './scheduler-config.ts';

/** Of training steps alone is asked. */
const ANY_SAMPLER = { timestepSpacing: 'leading', only: {} } as const;

/**
 * The first call that is the refiner's: the first whose timestep lies below what is left of the noise's way. Never within a
 * step of a sampler that makes two calls for one.
 *
 * denoisingStart  0 … 1 of the training steps, from the noisiest
 */
export function refinerCall(sampler: Sampler, denoisingStart: number, config: SchedulerConfig): number {
  const { trainTimesteps } = readSettings(config, ANY_SAMPLER);
  const cutoff = Math.round(trainTimesteps - denoisingStart * trainTimesteps);
  const calls = sampler.timesteps.filter((timestep) => timestep >= cutoff).length;
  return calls - (calls % sampler.callsPerStep);
}
