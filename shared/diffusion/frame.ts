/**
 * The two ways to write noisy latents, and what follows from each: how they start, how they are scaled for the network,
 * how noise is added. A sampler is one of these frames and a step.
 */
import { mix } from './mix.ts';
import { levelOfAlphaCumprod, levelOfSigma, type NoiseLevel } from './noise-level.ts';
import type { Sampler } from './sampler.ts';
import type { AlphaSchedule } from './schedule.ts';
import type { TimestepSpacing } from './scheduler-config.ts';
import type { SigmaRun } from './sigma-run.ts';

/** All of a sampler but its step. */
export type Frame = Omit<Sampler, 'step' | 'drawsNoise'>;

/** x = √ᾱ·clean + √(1 − ᾱ)·noise at whole timesteps (DDIM, DDPM, PNDM, LCM). */
export function alphaFrame(alphas: AlphaSchedule, timesteps: readonly number[]): Frame {
  return preservingFrame(timesteps, (call) => levelOfAlphaCumprod(alphas.at(timesteps[call]!)));
}

/** The same x, its level given by σ (DPM++, UniPC). */
export function solverFrame({ timesteps, sigmas }: SigmaRun): Frame {
  return { ...preservingFrame(timesteps, (call) => levelOfSigma(sigmas[call]!)), sigmas };
}

function preservingFrame(timesteps: readonly number[], levelAt: (call: number) => NoiseLevel): Frame {
  return {
    timesteps,
    initNoiseSigma: 1,
    callsPerStep: 1,
    scaleModelInput(latents, _call, out) {
      if (!out) return latents;
      out.set(latents);
      return out;
    },
    addNoise(original, noise, call) {
      const { alpha, sigma } = levelAt(call);
      return mix([alpha, original], [sigma, noise]);
    },
  };
}

/** x = clean + σ·noise; the network wants it divided by √(σ² + 1) (Euler, Heun, LMS). */
export function sigmaFrame({ timesteps, sigmas }: SigmaRun, spacing: TimestepSpacing): Frame {
  const most = Math.max(...sigmas);
  return {
    timesteps,
    sigmas,
    initNoiseSigma: spacing === 'leading' ? Math.sqrt(most * most + 1) : most,
    callsPerStep: 1,
    scaleModelInput(latents, call, out = new Float32Array(latents.length)) {
      const scale = levelOfSigma(sigmas[call]!).alpha;
      for (let i = 0; i < out.length; i++) out[i] = latents[i]! * scale;
      return out;
    },
    addNoise: (original, noise, call) => mix([1, original], [sigmas[call]!, noise]),
  };
}
