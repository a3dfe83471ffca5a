/**
 * Heun: an Euler step, the slope at its end, then the step again with the mean of both slopes.
 * Source: Karras et al. 2022, alg. 1; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_heun_discrete.py
 */
import { sigmaFrame } from './frame.ts';
import { mix } from './mix.ts';
import { slopeWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { type SigmaRun, sigmaRun } from './sigma-run.ts';
import { requireSteps } from './timesteps.ts';

const HEUN: SchedulerClass = {
  timestepSpacing: 'linspace',
  betaStart: 0.00085,
  betaEnd: 0.012,
  only: {
    clip_sample: [false],
    rescale_betas_zero_snr: [false],
  },
};

/** Where the Euler step of a pair began. */
interface StepStart {
  readonly latents: Float32Array;
  readonly slope: Float32Array;
}

/** Two calls a step and one in the last: 2n − 1 calls, no noise; on any schedule. */
export const heun: SamplerFactory = (plan) => {
  const settings = readSettings(plan.config, HEUN);
  requireSteps(plan.steps, settings.trainTimesteps);
  const { timesteps, sigmas } = twice(sigmaRun(settings, plan));
  let start: StepStart | undefined;
  return {
    ...sigmaFrame({ timesteps, sigmas }, settings.timestepSpacing),
    callsPerStep: 2,
    drawsNoise: () => false,
    step(call, output, latents) {
      const weights = slopeWeights(settings.predictionType, sigmas[call]!);
      const slope = mix([weights.latents, latents], [weights.output, output]);
      if (start) {
        const half = (sigmas[call]! - sigmas[call - 1]!) / 2;
        const corrected = mix([1, start.latents], [half, start.slope], [half, slope]);
        start = undefined;
        return corrected;
      }
      start = { latents: latents.slice(), slope };
      return mix([1, latents], [sigmas[call + 1]! - sigmas[call]!, slope]);
    },
  };
};

/** Every level but the first is visited twice: as the end of one step and as the start of the next. */
function twice({ timesteps, sigmas }: SigmaRun): SigmaRun {
  const repeated = (values: readonly number[]): number[] =>
    values.flatMap((value, i) => (i === 0 ? value : [value, value]));
  return { timesteps: repeated(timesteps), sigmas: [...repeated(sigmas.slice(0, -1)), 0] };
}
