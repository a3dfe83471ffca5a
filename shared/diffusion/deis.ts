/**
 * DEIS of order 2, multistep, exact for noise that is linear in log σ ("logrho"). It ends at the least noise level that the
 * network was trained at, not at 0, as in Diffusers.
 * Source: Zhang and Chen 2022, alg. 1; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_deis_multistep.py
 */
import { solverFrame } from './frame.ts';
import { mix } from './mix.ts';
import { levelOfSigma } from './noise-level.ts';
import { noiseWeights } from './prediction.ts';
import type { SamplerFactory, SamplerPlan } from './sampler-factory.ts';
import { readSettings, type SchedulerClass, type SchedulerSettings } from './scheduler-config.ts';
import { leastSigma, type SigmaRun, solverRun } from './sigma-run.ts';
import { requireSteps } from './timesteps.ts';

/** `solver_type` and `algorithm_type` of other classes pass, as Diffusers replaces them. */
const DEIS: SchedulerClass = {
  timestepSpacing: 'linspace',
  only: {
    thresholding: [false],
    algorithm_type: ['deis', 'dpmsolver', 'dpmsolver++'],
    solver_type: ['logrho', 'midpoint', 'heun', 'bh1', 'bh2'],
    solver_order: [2],
    lower_order_final: [true],
    use_flow_sigmas: [false],
    use_dynamic_shifting: [false],
    rescale_betas_zero_snr: [false],
  },
};

/** From this many steps on the last one is of second order too. */
const STEPS_WITHOUT_CARE = 15;

/** One call a step, no noise; on any schedule. */
export const deis: SamplerFactory = (plan) => {
  const settings = readSettings(plan.config, DEIS);
  requireSteps(plan.steps, settings.trainTimesteps - 1);
  const run = endingAboveZero(solverRun(settings, plan), settings, plan);
  let previous: Float32Array | undefined;
  return {
    ...solverFrame(run),
    drawsNoise: () => false,
    step(call, output, latents) {
      const [from, to] = [run.sigmas[call]!, run.sigmas[call + 1]!];
      const [here, there] = [levelOfSigma(from), levelOfSigma(to)];
      const weights = noiseWeights(settings.predictionType, here);
      const current = mix([weights.latents, latents], [weights.output, output]);
      const isCareful = call === plan.steps - 1 && plan.steps < STEPS_WITHOUT_CARE;
      const scaled = [there.alpha / here.alpha, latents] as const;
      const older = previous;
      previous = current;
      if (!older || isCareful) return mix(scaled, [there.alpha * (to - from), current]);
      const before = run.sigmas[call - 1]!;
      const weightOfNew = integral(to, from, before) - integral(from, from, before);
      const weightOfOld = integral(to, before, from) - integral(from, before, from);
      return mix(scaled, [there.alpha * weightOfNew, current], [there.alpha * weightOfOld, older]);
    },
  };
};

/** Antiderivative in σ of the line, in log σ, that is 1 at `one` and 0 at `zero`. */
function integral(sigma: number, one: number, zero: number): number {
  return (sigma * (Math.log(sigma) - Math.log(zero) - 1)) / (Math.log(one) - Math.log(zero));
}

/** Where a schedule was chosen, the last level comes twice, so its step changes nothing. */
function endingAboveZero(run: SigmaRun, settings: SchedulerSettings, { schedule }: SamplerPlan): SigmaRun {
  const levels = run.sigmas.slice(0, -1);
  const end = schedule === 'automatic' ? Math.fround(leastSigma(settings)) : levels.at(-1)!;
  return { timesteps: run.timesteps, sigmas: [...levels, end] };
}
