/**
 * PNDM without its Runge-Kutta start, known as PLMS: a multistep method on up to four model outputs. The first step is
 * done twice, so there is one call more than steps.
 * Source: Liu et al. 2022, eq. 9, 11, 12; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_pndm.py
 */
import { ADAMS_BASHFORTH } from './adams-bashforth.ts';
import { alphaFrame } from './frame.ts';
import { mix, type Term } from './mix.ts';
import { levelOfAlphaCumprod } from './noise-level.ts';
import { noiseWeights } from './prediction.ts';
import type { SamplerFactory } from './sampler-factory.ts';
import { alphaSchedule } from './schedule.ts';
import { readSettings, type SchedulerClass } from './scheduler-config.ts';
import { requireSteps, wholeTimesteps } from './timesteps.ts';

const PNDM: SchedulerClass = {
  timestepSpacing: 'leading',
  predictionTypes: ['epsilon', 'v_prediction'],
  only: { skip_prk_steps: [true], rescale_betas_zero_snr: [false] },
};

/** n + 1 calls, no noise; a silent config means PLMS, since that is what the sampler is called. */
export const pndm: SamplerFactory = ({ config, steps }) => {
  const settings = readSettings(config, PNDM);
  requireSteps(steps, settings.trainTimesteps);
  const alphas = alphaSchedule(settings);
  const timesteps = firstStepTwice(wholeTimesteps(settings, steps));
  const stride = Math.floor(settings.trainTimesteps / steps);
  const outputs: Float32Array[] = [];
  let start: Float32Array | undefined;
  let callsDone = 0;

  /** From one timestep to another along the mean of outputs. */
  const move = (latents: Float32Array, output: Float32Array, from: number, to: number): Float32Array => {
    const here = alphas.at(from);
    const there = alphas.at(to);
    const eps = noiseWeights(settings.predictionType, levelOfAlphaCumprod(here));
    const share = (here - there) / (here * Math.sqrt(1 - there) + Math.sqrt(here * (1 - here) * there));
    return mix([Math.sqrt(there / here) + share * eps.latents, latents], [share * eps.output, output]);
  };

  return {
    ...alphaFrame(alphas, timesteps),
    drawsNoise: () => false,
    step(call, output, latents) {
      const timestep = timesteps[call]!;
      callsDone++;
      if (callsDone === 2 && start) {
        const mean = mix([1 / 2, output], [1 / 2, outputs[0]!]);
        return move(start, mean, timestep + stride, timestep);
      }
      if (callsDone === 1) start = latents.slice();
      outputs.unshift(output.slice());
      outputs.splice(ADAMS_BASHFORTH.length);
      const weights = ADAMS_BASHFORTH[outputs.length - 1]!;
      const terms = outputs.map((known, k): Term => [weights[k]!, known]);
      return move(latents, mix(...terms), timestep, timestep - stride);
    },
  };
};

function firstStepTwice(timesteps: readonly number[]): number[] {
  return timesteps.flatMap((timestep, i) => (i === 1 ? [timestep, timestep] : timestep));
}
