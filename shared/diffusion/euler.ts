/**
 * Euler: one straight step down the noise levels.
 * Source: Karras et al. 2022, alg. 2 without churn; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_euler_discrete.py
 */
import { sigmaFrame } from './frame.ts';
import { mix } from './mix.ts';
import { slopeWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { sigmaRun } from './sigma-run.ts';
import { requireSteps } from './timesteps.ts';

const EULER: SchedulerClass = {
  timestepSpacing: 'linspace',
  only: {
    interpolation_type: ['linear'],
    timestep_type: ['discrete'],
    final_sigmas_type: ['zero'],
    sigma_min: [],
    sigma_max: [],
  },
};

/** One call a step, no noise; on any schedule. */
export const euler: SamplerFactory = (plan) => {
  const settings = readSettings(plan.config, EULER);
  requireSteps(plan.steps, settings.trainTimesteps);
  const run = sigmaRun(settings, plan);
  return {
    ...sigmaFrame(run, settings.timestepSpacing),
    drawsNoise: () => false,
    step(call, output, latents) {
      const sigma = run.sigmas[call]!;
      const change = run.sigmas[call + 1]! - sigma;
      const slope = slopeWeights(settings.predictionType, sigma);
      return mix([1 + change * slope.latents, latents], [change * slope.output, output]);
    },
  };
};
