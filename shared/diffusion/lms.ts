/**
 * LMS: the linear multistep method of Adams and Bashforth on up to four slopes, for unevenly spaced noise levels.
 * Source: https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_lms_discrete.py
 */
import { sigmaFrame } from './frame.ts';
import { mix, type Term } from './mix.ts';
import { slopeWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { sigmaRun } from './sigma-run.ts';
import { requireSteps } from './timesteps.ts';

const LMS: SchedulerClass = {
  timestepSpacing: 'linspace',
  only: { rescale_betas_zero_snr: [false] },
};

const MOST_SLOPES = 4;

/** One call a step, no noise; on any schedule. */
export const lms: SamplerFactory = (plan) => {
  const settings = readSettings(plan.config, LMS);
  requireSteps(plan.steps, settings.trainTimesteps);
  const run = sigmaRun(settings, plan);
  const slopes: Float32Array[] = [];
  return {
    ...sigmaFrame(run, settings.timestepSpacing),
    drawsNoise: () => false,
    step(call, output, latents) {
      const weights = slopeWeights(settings.predictionType, run.sigmas[call]!);
      slopes.unshift(mix([weights.latents, latents], [weights.output, output]));
      slopes.splice(MOST_SLOPES);
      // The order counts levels passed, not slopes known: image to image starts with fewer slopes, as in Diffusers.
      const order = Math.min(call + 1, MOST_SLOPES);
      const terms = slopes.map((slope, k): Term => [multistepWeight(run.sigmas, call, order, k), slope]);
      return mix([1, latents], ...terms);
    },
  };
};

/** Integral, from this level to the next, of the polynomial that is 1 at level call − k and 0 at the order's other levels. */
function multistepWeight(sigmas: readonly number[], call: number, order: number, k: number): number {
  const basis = (sigma: number): number => {
    let product = 1;
    for (let j = 0; j < order; j++) {
      if (j !== k) product *= (sigma - sigmas[call - j]!) / (sigmas[call - k]! - sigmas[call - j]!);
    }
    return product;
  };
  return integrateCubic(basis, sigmas[call]!, sigmas[call + 1]!);
}

/** Gauss-Legendre with two points, exact up to degree 3. */
function integrateCubic(polynomial: (x: number) => number, from: number, to: number): number {
  const half = (to - from) / 2;
  const middle = (to + from) / 2;
  const offset = half / Math.sqrt(3);
  return half * (polynomial(middle - offset) + polynomial(middle + offset));
}
