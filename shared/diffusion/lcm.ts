/**
 * Latent consistency models: each call jumps to the clean latents, noise brings them to the next level.
 * Source: Luo et al. 2023, alg. 3; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_lcm.py
 */
import { distilledTimesteps, readDistilledSteps } from './distilled-timesteps.ts';
import { alphaFrame } from './frame.ts';
import { clamp, mix } from './mix.ts';
import { levelOfAlphaCumprod } from './noise-level.ts';
import { cleanWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { alphaSchedule } from './schedule.ts';
import { readNumber, readSettings, type SchedulerClass } from './scheduler-config.ts';
import { requireSteps } from './timesteps.ts';

const LCM: SchedulerClass = {
  timestepSpacing: 'leading',
  betaStart: 0.00085,
  betaEnd: 0.012,
  betaSchedule: 'scaled_linear',
  setAlphaToOne: true,
  only: { thresholding: [false] },
};

/** Deviation of clean latents that the boundary condition assumes (Song et al. 2023, appendix C). */
const SIGMA_DATA = 0.5;

/** Draws noise at every call but the last; at most as many steps as the model was distilled at. */
export const lcm: SamplerFactory = ({ config, steps }) => {
  const settings = readSettings(config, LCM);
  const distilledSteps = readDistilledSteps(config, settings.trainTimesteps);
  const timestepScaling = readNumber(config, 'timestep_scaling', 10, (value) => value > 0);
  requireSteps(steps, distilledSteps);
  const alphas = alphaSchedule(settings);
  const timesteps = distilledTimesteps(settings.trainTimesteps, distilledSteps, steps);
  const drawsNoise = (call: number): boolean => call < steps - 1;
  return {
    ...alphaFrame(alphas, timesteps),
    drawsNoise,
    step(call, output, latents, noise) {
      const clean = cleanWeights(settings.predictionType, levelOfAlphaCumprod(alphas.at(timesteps[call]!)));
      const cleanLatents = mix([clean.latents, latents], [clean.output, output]);
      if (settings.clipSampleRange) clamp(cleanLatents, settings.clipSampleRange);
      const { skip, out } = boundaryWeights(timesteps[call]! * timestepScaling);
      const denoised = mix([out, cleanLatents], [skip, latents]);
      if (!drawsNoise(call)) return denoised;
      const next = levelOfAlphaCumprod(alphas.at(timesteps[call + 1]!));
      return mix([next.alpha, denoised], [next.sigma, noise()]);
    },
  };
};

/** At timestep 0 the latents are the result themselves, later the model's answer is. */
function boundaryWeights(scaledTimestep: number): { skip: number; out: number } {
  const sum = scaledTimestep ** 2 + SIGMA_DATA ** 2;
  return { skip: SIGMA_DATA ** 2 / sum, out: scaledTimestep / Math.sqrt(sum) };
}
