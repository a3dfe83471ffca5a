/**
 * DDPM, ancestral sampling of the training process itself, with the small fixed variance.
 * Source: Ho et al. 2020, eq. 6 and 7; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_ddpm.py
 */
import { alphaFrame } from './frame.ts';
import { clamp, mix } from './mix.ts';
import { levelOfAlphaCumprod } from './noise-level.ts';
import { cleanWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { alphaSchedule } from './schedule.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { requireSteps, wholeTimesteps } from './timesteps.ts';

const DDPM: SchedulerClass = {
  timestepSpacing: 'leading',
  clipSample: true,
  only: { thresholding: [false], variance_type: ['fixed_small'] },
};

/** Least variance, so that its root and logarithm stay finite. */
const LEAST_VARIANCE = 1e-20;

/** Draws noise at every call above timestep 0. */
export const ddpm: SamplerFactory = ({ config, steps }) => {
  const settings = { ...readSettings(config, DDPM), setAlphaToOne: true };
  requireSteps(steps, settings.trainTimesteps);
  const alphas = alphaSchedule(settings);
  const timesteps = wholeTimesteps(settings, steps);
  const drawsNoise = (call: number): boolean => timesteps[call]! > 0;
  return {
    ...alphaFrame(alphas, timesteps),
    drawsNoise,
    step(call, output, latents, noise) {
      const here = alphas.at(timesteps[call]!);
      const below = alphas.at(timesteps[call + 1] ?? -1);
      const clean = cleanWeights(settings.predictionType, levelOfAlphaCumprod(here));
      const cleanLatents = mix([clean.latents, latents], [clean.output, output]);
      if (settings.clipSampleRange) clamp(cleanLatents, settings.clipSampleRange);
      const alpha = here / below;
      const variance = Math.max(((1 - below) / (1 - here)) * (1 - alpha), LEAST_VARIANCE);
      return mix(
        [(Math.sqrt(below) * (1 - alpha)) / (1 - here), cleanLatents],
        [(Math.sqrt(alpha) * (1 - below)) / (1 - here), latents],
        ...(drawsNoise(call) ? [[Math.sqrt(variance), noise()] as const] : []),
      );
    },
  };
};
