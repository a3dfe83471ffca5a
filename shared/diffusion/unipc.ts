/**
 * UniPC of order 2 with B(h) = e^h − 1 ("bh2"): each call first corrects the last step, then predicts the next.
 * Source: Zhao et al. 2023, alg. 5 to 8; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_unipc_multistep.py
 */
import { solverFrame } from './frame.ts';
import { mix } from './mix.ts';
import { levelOfSigma } from './noise-level.ts';
import { cleanWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { solverRun } from './sigma-run.ts';
import { requireSteps } from './timesteps.ts';

/** `solver_type` of other classes passes, as Diffusers replaces it by bh2. */
const UNIPC: SchedulerClass = {
  timestepSpacing: 'linspace',
  only: {
    thresholding: [false],
    predict_x0: [true],
    solver_order: [2],
    solver_type: ['bh2', 'midpoint', 'heun', 'logrho'],
    lower_order_final: [true],
    disable_corrector: [[]],
    solver_p: [],
    final_sigmas_type: ['zero'],
    use_flow_sigmas: [false],
    use_dynamic_shifting: [false],
    sigma_min: [],
    sigma_max: [],
    shift_terminal: [],
  },
};

/** What the last call leaves: where its step began, and the clean latents seen there and one call earlier. */
interface History {
  readonly start: Float32Array;
  readonly clean: Float32Array;
  readonly olderClean: Float32Array | undefined;
}

/** One call a step, no noise; on any schedule. */
export const unipc: SamplerFactory = (plan) => {
  const settings = readSettings(plan.config, UNIPC);
  requireSteps(plan.steps, settings.trainTimesteps - 1);
  const run = solverRun(settings, plan);
  let history: History | undefined;
  return {
    ...solverFrame(run),
    drawsNoise: () => false,
    step(call, output, latents) {
      const weights = cleanWeights(settings.predictionType, levelOfSigma(run.sigmas[call]!));
      const clean = mix([weights.latents, latents], [weights.output, output]);
      const start = history ? correct(run.sigmas, call, history, clean) : latents.slice();
      // The last step, to σ = 0, is of first order.
      const olderClean = call < plan.steps - 1 ? history?.clean : undefined;
      history = { start, clean, olderClean };
      return predict(run.sigmas, call, history);
    },
  };
};

/** UniP: from level `call` to the next. */
function predict(sigmas: readonly number[], call: number, { start, clean, olderClean }: History): Float32Array {
  const step = stepOf(sigmas[call]!, sigmas[call + 1]!);
  if (!olderClean) return mix([step.latents, start], [step.clean, clean]);
  const lean = 1 / 2 / ratioBefore(sigmas, call);
  return mix([step.latents, start], [step.clean * (1 - lean), clean], [step.clean * lean, olderClean]);
}

/** UniC: the last step again, now that the clean latents at its end are known. */
function correct(sigmas: readonly number[], call: number, last: History, clean: Float32Array): Float32Array {
  const step = stepOf(sigmas[call - 1]!, sigmas[call]!);
  if (!last.olderClean) return mix([step.latents, last.start], [step.clean / 2, last.clean], [step.clean / 2, clean]);
  const ratio = ratioBefore(sigmas, call - 1);
  const [older, newer] = correctorWeights(Math.log(sigmas[call]! / sigmas[call - 1]!), ratio);
  const lean = older / ratio;
  return mix(
    [step.latents, last.start],
    [step.clean * (1 - lean - newer), last.clean],
    [step.clean * lean, last.olderClean],
    [step.clean * newer, clean],
  );
}

/** The first-order part of a step, in h = λ(to) − λ(from) with λ = −log σ; −α·(e^−h − 1) is α·(1 − σ(to)/σ(from)). */
function stepOf(from: number, to: number): { latents: number; clean: number } {
  const target = levelOfSigma(to);
  return { latents: target.sigma / levelOfSigma(from).sigma, clean: target.alpha * (1 - to / from) };
}

/** r: the way back to the level before `call` over the way on to the next one, in λ; negative. */
function ratioBefore(sigmas: readonly number[], call: number): number {
  return Math.log(sigmas[call]! / sigmas[call - 1]!) / Math.log(sigmas[call]! / sigmas[call + 1]!);
}

/** Solves ρ₀ + ρ₁ = b₁, r·ρ₀ + ρ₁ = b₂ (eq. 11) with b from φ₂ and φ₃ of −h. */
function correctorWeights(minusH: number, ratio: number): [older: number, newer: number] {
  const base = Math.expm1(minusH);
  const phi2 = base / minusH - 1;
  const phi3 = phi2 / minusH - 1 / 2;
  const first = phi2 / base;
  const second = (2 * phi3) / base;
  const older = (first - second) / (1 - ratio);
  return [older, first - older];
}
