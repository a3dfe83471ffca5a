/**
 * DPM-Solver++ of order 2, multistep, midpoint: as an ODE (DPM++ 2M) and as an SDE that adds fresh noise (DPM++ 2M SDE).
 * Source: Lu et al. 2022 (DPM-Solver++), alg. 2 and appendix; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_dpmsolver_multistep.py
 */
import { solverFrame } from './frame.ts';
import { mix, type Term } from './mix.ts';
import { levelOfSigma } from './noise-level.ts';
import { cleanWeights } from './prediction.ts';
import type { Sampler } from './sampler.ts';
import type { SamplerFactory, SamplerPlan } from './sampler-factory.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { solverRun } from './sigma-run.ts';
import { requireSteps, roundHalfToEven } from './timesteps.ts';

/** `algorithm_type` and `solver_type` of other classes pass, as Diffusers replaces them; the sampler's name decides. */
const DPM_SOLVER: SchedulerClass = {
  timestepSpacing: 'linspace',
  only: {
    thresholding: [false],
    algorithm_type: ['dpmsolver++', 'sde-dpmsolver++', 'deis'],
    solver_type: ['midpoint', 'heun', 'logrho', 'bh1', 'bh2'],
    solver_order: [2],
    final_sigmas_type: ['zero'],
    variance_type: ['fixed_small', 'fixed_large'],
    lambda_min_clipped: [Number.NEGATIVE_INFINITY, '-Infinity'],
    use_lu_lambdas: [false],
    use_flow_sigmas: [false],
    use_dynamic_shifting: [false],
  },
};

/** The ODE: one call a step, no noise; on any schedule. */
export const dpmpp2m: SamplerFactory = (plan) => solver(plan, 'ode');

/** The SDE: the same calls, noise at every one, also the last, where its weight is 0. */
export const dpmpp2mSde: SamplerFactory = (plan) => solver(plan, 'sde');

/** The SDE with the slope weighted as Heun's method does (`solver_type` heun). */
export const dpmpp2mSdeHeun: SamplerFactory = (plan) => solver(plan, 'sde-heun');

type Kind = 'ode' | 'sde' | 'sde-heun';

function solver(plan: SamplerPlan, kind: Kind): Sampler {
  const settings = readSettings(plan.config, DPM_SOLVER);
  const isStochastic = kind !== 'ode';
  requireSteps(plan.steps, settings.trainTimesteps - 1);
  // With cosine betas Diffusers cuts instead of rounding; logarithms in f32 may leave a whole timestep a hair too low.
  const toWhole = settings.betaSchedule === 'squaredcos_cap_v2' ? Math.floor : roundHalfToEven;
  const run = solverRun(settings, plan, toWhole);
  let previous: Float32Array | undefined;
  return {
    ...solverFrame(run),
    drawsNoise: () => isStochastic,
    step(call, output, latents, noise) {
      const clean = cleanWeights(settings.predictionType, levelOfSigma(run.sigmas[call]!));
      const current = mix([clean.latents, latents], [clean.output, output]);
      const weights = stepWeights(run.sigmas[call]!, run.sigmas[call + 1]!, kind);
      const terms: Term[] = [[weights.latents, latents]];
      // The last step, to σ = 0, is of first order: there is no slope to infinity.
      if (previous && call < plan.steps - 1) {
        const lean = weights.slope / stepRatio(run.sigmas, call);
        terms.push([weights.clean + lean, current], [-lean, previous]);
      } else {
        terms.push([weights.clean, current]);
      }
      if (isStochastic) terms.push([weights.noise, noise()]);
      previous = current;
      return mix(...terms);
    },
  };
}

/** Weights of one step from σ to a lower one, in h = λ(to) − λ(from) with λ = −log σ. */
function stepWeights(
  from: number,
  to: number,
  kind: Kind,
): { latents: number; clean: number; slope: number; noise: number } {
  const decay = to / from; // e^−h
  const target = levelOfSigma(to);
  const latents = target.sigma / levelOfSigma(from).sigma;
  if (kind === 'ode') {
    const clean = target.alpha * (1 - decay);
    return { latents, clean, slope: clean / 2, noise: 0 };
  }
  const spread = 1 - decay ** 2;
  const slope = kind === 'sde' ? spread / 2 : 1 + spread / (2 * Math.log(decay));
  return {
    latents: latents * decay,
    clean: target.alpha * spread,
    slope: target.alpha * slope,
    noise: target.sigma * Math.sqrt(spread),
  };
}

/** Length of the last step over that of this one, in λ. */
function stepRatio(sigmas: readonly number[], call: number): number {
  return Math.log(sigmas[call - 1]! / sigmas[call]!) / Math.log(sigmas[call]! / sigmas[call + 1]!);
}
