/**
 * DPM-Solver++ of order 3, multistep, as an SDE.
 * Source: https://github.com/crowsonkb/k-diffusion/blob/v0.1.1/k_diffusion/sampling.py `sample_dpmpp_3m_sde`
 */
import { sigmaFrame } from './frame.ts';
import { mix, type Term } from './mix.ts';
import { slopeWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { sigmaRun } from './sigma-run.ts';
import { requireSteps } from './timesteps.ts';

const DPMPP_3M: SchedulerClass = {
  timestepSpacing: 'linspace',
  predictionTypes: ['epsilon', 'v_prediction'],
  only: {},
};

/** One call a step; draws noise at every one but the last. */
export const dpmpp3mSde: SamplerFactory = (plan) => {
  const settings = readSettings(plan.config, DPMPP_3M);
  requireSteps(plan.steps, settings.trainTimesteps);
  const run = sigmaRun(settings, plan);
  /** Clean latents of this call and the two before it, the newest first. */
  const cleans: Float32Array[] = [];
  const drawsNoise = (call: number): boolean => call < plan.steps - 1;
  return {
    ...sigmaFrame(run, settings.timestepSpacing),
    drawsNoise,
    step(call, output, latents, noise) {
      const sigma = run.sigmas[call]!;
      const slope = slopeWeights(settings.predictionType, sigma);
      cleans.unshift(mix([1 - sigma * slope.latents, latents], [-sigma * slope.output, output]));
      cleans.splice(3);
      if (!drawsNoise(call)) return cleans[0]!.slice();
      // Twice the length of the step in −log σ: the SDE goes down as far again as its noise brings it up.
      const length = 2 * Math.log(sigma / run.sigmas[call + 1]!);
      const decay = Math.exp(-length);
      const weights = cleanLatentsWeights(run.sigmas, call, { count: cleans.length, length });
      const terms = cleans.map((clean, k): Term => [weights[k]!, clean]);
      return mix([decay, latents], ...terms, [run.sigmas[call + 1]! * Math.sqrt(1 - decay), noise()]);
    },
  };
};

/** Weights of the clean latents, the newest first: their value, slope and curvature at this level, as far as known. */
function cleanLatentsWeights(
  sigmas: readonly number[],
  call: number,
  { count, length }: { readonly count: number; readonly length: number },
): number[] {
  const phi1 = -Math.expm1(-length);
  if (count === 1) return [phi1];
  const phi2 = 1 - phi1 / length;
  const phi3 = phi2 / length - 1 / 2;
  const step = (from: number): number => Math.log(sigmas[from]! / sigmas[from + 1]!);
  const near = step(call - 1) / step(call);
  if (count === 2) return [phi1 + phi2 / near, -phi2 / near];
  const far = step(call - 2) / step(call);
  // Slopes over the last interval and the one before, by newest, middle and oldest clean latents.
  const slopes = [
    [1 / near, -1 / near, 0],
    [0, 1 / far, -1 / far],
  ] as const;
  return [phi1, 0, 0].map((value, k) => {
    const bend = (slopes[0][k]! - slopes[1][k]!) / (near + far);
    return value + phi2 * (slopes[0][k]! + near * bend) - phi3 * bend;
  });
}
