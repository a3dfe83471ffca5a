/**
 * IPNDM: a linear multistep method on up to four slopes, with the weights of even steps whatever the schedule's are.
 * Source: Liu et al. 2022 (Pseudo Numerical Methods), eq. 9 and 12; Zhang and Chen 2023 (DEIS), §3.3, in σ;
 * https://github.com/zju-pi/diff-sampler/blob/main/diff-solvers-main/solvers.py `ipndm_sampler`
 */
import { ADAMS_BASHFORTH } from './adams-bashforth.ts';
import { sigmaFrame } from './frame.ts';
import { mix, type Term } from './mix.ts';
import { slopeWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { sigmaRun } from './sigma-run.ts';
import { requireSteps } from './timesteps.ts';

const IPNDM: SchedulerClass = {
  timestepSpacing: 'linspace',
  predictionTypes: ['epsilon', 'v_prediction'],
  only: {},
};

/** One call a step, no noise; on any schedule. The last step goes straight to the clean latents. */
export const ipndm: SamplerFactory = (plan) => {
  const settings = readSettings(plan.config, IPNDM);
  requireSteps(plan.steps, settings.trainTimesteps);
  const run = sigmaRun(settings, plan);
  /** The newest first. */
  const slopes: Float32Array[] = [];
  return {
    ...sigmaFrame(run, settings.timestepSpacing),
    drawsNoise: () => false,
    step(call, output, latents) {
      const sigma = run.sigmas[call]!;
      const change = run.sigmas[call + 1]! - sigma;
      const slope = slopeWeights(settings.predictionType, sigma);
      slopes.unshift(mix([slope.latents, latents], [slope.output, output]));
      slopes.splice(ADAMS_BASHFORTH.length);
      const isLast = call === run.timesteps.length - 1;
      const weights = ADAMS_BASHFORTH[isLast ? 0 : slopes.length - 1]!;
      return mix([1, latents], ...weights.map((weight, k): Term => [change * weight, slopes[k]!]));
    },
  };
};
