/**
 * Trajectory consistency distillation: each call jumps to a level below the next one, noise brings it up.
 * Source: Zheng et al. 2024, alg. 4 (its γ is `eta`); https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_tcd.py
 */
import { distilledTimesteps, readDistilledSteps } from './distilled-timesteps.ts';
import { alphaFrame } from './frame.ts';
import { mix } from './mix.ts';
import { levelOfAlphaCumprod } from './noise-level.ts';
import { cleanWeights, noiseWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { alphaSchedule } from './schedule.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { requireSteps } from './timesteps.ts';

const TCD: SchedulerClass = {
  timestepSpacing: 'leading',
  betaStart: 0.00085,
  betaEnd: 0.012,
  betaSchedule: 'scaled_linear',
  setAlphaToOne: true,
  only: { thresholding: [false] },
};

/** Draws noise at every call but the last where `eta` is above 0; at most as many steps as the model was distilled at. */
export const tcd: SamplerFactory = ({ config, steps, eta }) => {
  const settings = readSettings(config, TCD);
  const distilledSteps = readDistilledSteps(config, settings.trainTimesteps);
  requireSteps(steps, distilledSteps);
  const alphas = alphaSchedule(settings);
  const timesteps = distilledTimesteps(settings.trainTimesteps, distilledSteps, steps);
  const drawsNoise = (call: number): boolean => eta > 0 && call < steps - 1;
  return {
    ...alphaFrame(alphas, timesteps),
    drawsNoise,
    step(call, output, latents, noise) {
      const next = timesteps[call + 1] ?? 0;
      const here = levelOfAlphaCumprod(alphas.at(timesteps[call]!));
      const low = alphas.at(Math.floor((1 - eta) * next));
      const lowLevel = levelOfAlphaCumprod(low);
      const clean = cleanWeights(settings.predictionType, here);
      const eps = noiseWeights(settings.predictionType, here);
      const jumped = mix(
        [lowLevel.alpha * clean.latents + lowLevel.sigma * eps.latents, latents],
        [lowLevel.alpha * clean.output + lowLevel.sigma * eps.output, output],
      );
      if (!drawsNoise(call)) return jumped;
      const share = alphas.at(next) / low;
      return mix([Math.sqrt(share), jumped], [Math.sqrt(1 - share), noise()]);
    },
  };
};
