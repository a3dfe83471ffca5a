/**
 * Samplers of two calls a step: the model is asked again at a level in the middle, by logarithm, and the step is made with
 * that answer. As an ODE (DPM2), and ancestral: DPM2 a, DPM++ 2S a and DPM++ SDE.
 * Source: Lu et al. 2022 (DPM-Solver-2), alg. 1, and 2022 (DPM-Solver++), alg. 1;
 * https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_k_dpm_2_discrete.py, …_k_dpm_2_ancestral_discrete.py, …_dpmsolver_sde.py;
 * https://github.com/crowsonkb/k-diffusion/blob/v0.1.1/k_diffusion/sampling.py `sample_dpmpp_2s_ancestral`
 */
import { type AncestralStep, ancestralStep } from './ancestral-step.ts';
import { sigmaFrame } from './frame.ts';
import { mix, type Term } from './mix.ts';
import { slopeWeights } from './prediction.ts';
import type { Sampler } from './sampler.ts';
import type { SamplerFactory, SamplerPlan } from './sampler-factory.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { type SigmaRun, sigmaRun, withMidpoints } from './sigma-run.ts';
import { requireSteps, roundHalfToEven } from './timesteps.ts';

const TWO_CALLS: SchedulerClass = {
  timestepSpacing: 'linspace',
  betaStart: 0.00085,
  betaEnd: 0.012,
  predictionTypes: ['epsilon', 'v_prediction'],
  only: { rescale_betas_zero_snr: [false] },
};

/** What tells one of them from another. */
interface Kind {
  /** Share of fresh noise; the method's own is 1. */
  readonly eta: number;
  /** Whether the middle is reached by an ancestral step too, with noise of its own. */
  readonly isNoisyInTheMiddle?: true;
  /** What the second answer gives to the step: the slope (DPM2) or the clean latents (DPM++). */
  readonly keeps: 'slope' | 'clean';
  /** Whether Karras' timesteps are whole, as in Diffusers' classes of DPM2. */
  readonly isWholeOnKarras?: true;
}

/** No noise. */
export const dpm2: SamplerFactory = (plan) => midpoint(plan, { eta: 0, keeps: 'slope', isWholeOnKarras: true });

/** Draws noise at the second call of each step. */
export const dpm2Ancestral: SamplerFactory = (plan) =>
  midpoint(plan, { eta: plan.eta, keeps: 'slope', isWholeOnKarras: true });

/** Draws noise at the second call of each step. */
export const dpmpp2sAncestral: SamplerFactory = (plan) => midpoint(plan, { eta: plan.eta, keeps: 'clean' });

/** Draws noise at every call but the last, each draw by itself: Diffusers cuts its draws out of one Brownian path. */
export const dpmppSde: SamplerFactory = (plan) =>
  midpoint(plan, { eta: plan.eta, keeps: 'clean', isNoisyInTheMiddle: true });

/** Calls 2i look from level i to the middle, calls 2i + 1 make the step; the last step is one call, to 0. */
function midpoint(plan: SamplerPlan, kind: Kind): Sampler {
  const settings = readSettings(plan.config, TWO_CALLS);
  requireSteps(plan.steps, settings.trainTimesteps);
  const levels = sigmaRun(settings, plan);
  const stepDown = (from: number, to: number): AncestralStep => ancestralStep(from, to, kind.eta);
  const run = withMidpoints(kind.isWholeOnKarras ? wholeOnKarras(levels, plan) : levels, settings, (from, to) =>
    Math.sqrt(from * (kind.isNoisyInTheMiddle ? to : stepDown(from, to).down)),
  );
  const last = run.timesteps.length - 1;
  const isMiddle = (call: number): boolean => call % 2 === 1;
  const drawsNoise = (call: number): boolean =>
    kind.eta > 0 && call < last && (isMiddle(call) || kind.isNoisyInTheMiddle === true);
  let start = new Float32Array();
  return {
    ...sigmaFrame(run, settings.timestepSpacing),
    callsPerStep: 2,
    drawsNoise,
    step(call, output, latents, noise) {
      const sigma = run.sigmas[call]!;
      const { latents: ofLatents, output: ofOutput } = slopeWeights(settings.predictionType, sigma);
      const slope = mix([ofLatents, latents], [ofOutput, output]);
      if (!isMiddle(call)) start = latents.slice();
      const from = isMiddle(call) ? run.sigmas[call - 1]! : sigma;
      const to = run.sigmas[call + 1]!;
      const { down, up } = isMiddle(call) || kind.isNoisyInTheMiddle ? stepDown(from, to) : { down: to, up: 0 };
      const noisy: Term[] = drawsNoise(call) ? [[up, noise()]] : [];
      if (kind.keeps === 'slope' || !isMiddle(call)) return mix([1, start], [down - from, slope], ...noisy);
      const share = down / from;
      // Clean latents are latents − σ · slope.
      return mix([share, start], [1 - share, latents], [-(1 - share) * sigma, slope], ...noisy);
    },
  };
}

function wholeOnKarras({ timesteps, sigmas }: SigmaRun, { schedule }: SamplerPlan): SigmaRun {
  return schedule === 'karras' ? { timesteps: timesteps.map(roundHalfToEven), sigmas } : { timesteps, sigmas };
}
