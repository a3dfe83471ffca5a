/**
 * DPM fast: DPM-Solver of order 3 with a fixed number of calls, singlestep. Its levels are even in log σ from the first training
 * step's σ to the last's, where it ends; the last one or two solver steps are of lower order, so that there are as many calls as steps.
 * Source: Lu et al. 2022 (DPM-Solver), alg. 1, 2 and §3.4; https://github.com/crowsonkb/k-diffusion/blob/v0.1.1/k_diffusion/sampling.py
 * `sample_dpm_fast`
 */
import { sigmaFrame } from './frame.ts';
import { mix } from './mix.ts';
import { slopeWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { evenInLogSigma } from './sigma-run.ts';
import { linspace, requireSteps } from './timesteps.ts';

const DPM_FAST: SchedulerClass = {
  timestepSpacing: 'linspace',
  predictionTypes: ['epsilon', 'v_prediction'],
  only: {},
};

/** A call's place in its solver step. */
interface Place {
  readonly order: number;
  /** From 0: the model is asked at this share of the step, of `order`. */
  readonly index: number;
}

/** As many calls as steps, no noise; its schedule is its own. A run that starts inside a solver step goes to its end by first order. */
export const dpmFast: SamplerFactory = (plan) => {
  const settings = readSettings(plan.config, DPM_FAST);
  requireSteps(plan.steps, settings.trainTimesteps);
  const orders = solverOrders(plan.steps);
  const places = orders.flatMap((order) => Array.from({ length: order }, (_, index): Place => ({ order, index })));
  const run = evenInLogSigma(settings, sharesOf(orders));
  const logs = run.sigmas.map((sigma) => -Math.log(sigma));
  let start: { readonly call: number; readonly latents: Float32Array; readonly slope: Float32Array } | undefined;
  return {
    ...sigmaFrame(run, settings.timestepSpacing),
    drawsNoise: () => false,
    step(call, output, latents) {
      const { order, index } = places[call]!;
      const weights = slopeWeights(settings.predictionType, run.sigmas[call]!);
      const slope = mix([weights.latents, latents], [weights.output, output]);
      const to = run.sigmas[call + 1]!;
      const begun = start;
      if (index === 0 || !begun) {
        if (index === 0) start = { call, latents: latents.slice(), slope };
        return mix([1, latents], [-to * Math.expm1(logs[call + 1]! - logs[call]!), slope]);
      }
      const length = logs[call + 1]! - logs[begun.call]!;
      const bend = to * bendOf(order, index, length);
      return mix([1, begun.latents], [bend - to * Math.expm1(length), begun.slope], [-bend, slope]);
    },
  };
};

/** Weight of a slope's change since the start, in a step or a part of one of that length in −log σ. */
function bendOf(order: number, index: number, length: number): number {
  if (order === 2) return Math.expm1(length); // over twice the half at which the slope was taken
  // To the second third, from the slope at the first: 2 = ⅔ ∕ ⅓; to the end, from the slope at the second.
  return (index === 1 ? 2 : 3 / 2) * (Math.expm1(length) / length - 1);
}

/** Of the solver's steps; their sum is the number of calls. */
function solverOrders(calls: number): number[] {
  const count = Math.floor(calls / 3) + 1;
  const thirds = (length: number): number[] => Array<number>(length).fill(3);
  return calls % 3 === 0 ? [...thirds(count - 2), 2, 1] : [...thirds(count - 1), calls % 3];
}

/** Where on the way the model is asked, and the end: shares of −log σ, 0…1. The solver's steps are equally long. */
function sharesOf(orders: readonly number[]): number[] {
  return [...orders.flatMap((order, i) => linspace(i, i + 1, order + 1).slice(0, -1)), orders.length].map(
    (position) => position / orders.length,
  );
}
