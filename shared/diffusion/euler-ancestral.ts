/**
 * Euler ancestral: a step further down than wanted, then fresh noise back up.
 * Source: Song et al. 2020 (SDE), appendix F; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_euler_ancestral_discrete.py
 */
import { ancestralStep } from './ancestral-step.ts';
import { sigmaFrame } from './frame.ts';
import { mix } from './mix.ts';
import { slopeWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { sigmaRun } from './sigma-run.ts';
import { requireSteps } from './timesteps.ts';

const EULER_ANCESTRAL: SchedulerClass = {
  timestepSpacing: 'linspace',
  predictionTypes: ['epsilon', 'v_prediction'],
  only: {},
};

/** Draws noise at every call, also the last, where its weight is 0. */
export const eulerAncestral: SamplerFactory = (plan) => {
  const settings = readSettings(plan.config, EULER_ANCESTRAL);
  requireSteps(plan.steps, settings.trainTimesteps);
  const run = sigmaRun(settings, plan);
  return {
    ...sigmaFrame(run, settings.timestepSpacing),
    drawsNoise: () => true,
    step(call, output, latents, noise) {
      const from = run.sigmas[call]!;
      const to = run.sigmas[call + 1]!;
      const { down, up } = ancestralStep(from, to, plan.eta);
      const change = down - from;
      const slope = slopeWeights(settings.predictionType, from);
      return mix([1 + change * slope.latents, latents], [change * slope.output, output], [up, noise()]);
    },
  };
};
