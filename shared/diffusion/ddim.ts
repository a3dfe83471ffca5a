/**
 * DDIM, deterministic at eta 0, as noisy as DDPM at eta 1.
 * Source: Song et al. 2020 (DDIM), eq. 12 and 16; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_ddim.py
 */
import { alphaFrame } from './frame.ts';
import { clamp, mix } from './mix.ts';
import { levelOfAlphaCumprod } from './noise-level.ts';
import { cleanWeights, noiseWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { alphaSchedule } from './schedule.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { requireSteps, wholeTimesteps } from './timesteps.ts';

const DDIM: SchedulerClass = {
  timestepSpacing: 'leading',
  clipSample: true,
  setAlphaToOne: true,
  only: { thresholding: [false] },
};

/** Draws noise at every call where `eta` is above 0; the clean latents are limited where the config says so. */
export const ddim: SamplerFactory = ({ config, steps, eta }) => {
  const settings = readSettings(config, DDIM);
  requireSteps(steps, settings.trainTimesteps);
  const alphas = alphaSchedule(settings);
  const timesteps = wholeTimesteps(settings, steps);
  // The step down is the same whatever the spacing, as in Diffusers.
  const stride = Math.floor(settings.trainTimesteps / steps);
  return {
    ...alphaFrame(alphas, timesteps),
    drawsNoise: () => eta > 0,
    step(call, output, latents, noise) {
      const here = alphas.at(timesteps[call]!);
      const below = alphas.at(timesteps[call]! - stride);
      const level = levelOfAlphaCumprod(here);
      const clean = cleanWeights(settings.predictionType, level);
      const eps = noiseWeights(settings.predictionType, level);
      const cleanLatents = mix([clean.latents, latents], [clean.output, output]);
      if (settings.clipSampleRange) clamp(cleanLatents, settings.clipSampleRange);
      const deviation = eta * Math.sqrt(((1 - below) / (1 - here)) * (1 - here / below));
      const direction = Math.sqrt(1 - below - deviation ** 2);
      return mix(
        [Math.sqrt(below), cleanLatents],
        [direction * eps.latents, latents],
        [direction * eps.output, output],
        ...(eta > 0 ? [[deviation, noise()] as const] : []),
      );
    },
  };
};
