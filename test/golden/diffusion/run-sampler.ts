/** Runs a sampler as the recordings were made: the model is a formula, the noise a list. */
import type { Sampler } from '#shared/diffusion/sampler.ts';
import { f32, type Tensor } from '#shared/tensor/tensor.ts';
import { goldenPath, loadSafetensors } from '../reference.ts';

const LATENT_SHAPE = [4, 4, 4];
const LATENT_SIZE = 64;

export const recorded = await loadSafetensors(goldenPath('schedulers', 'trajectories.safetensors'));

export function recordedValues(name: string): Float32Array {
  return recorded[name]!.data as Float32Array;
}

/** Channel c of [4, 4, 4] adds c / 20. */
function model(x: Float32Array, timestep: number): Float32Array {
  return x.map(
    (value, i) => 0.6 * value + 0.2 * Math.sin(2 * value) + 0.1 * Math.sin(timestep / 100) + 0.05 * Math.floor(i / 16),
  );
}

/** The state before the first call and after each [calls + 1, 4, 4, 4], and how often noise was drawn. */
export function runSampler(sampler: Sampler, start: Float32Array, first = 0): { states: Tensor; noiseCalls: number } {
  const states = [start];
  let noiseCalls = 0;
  const noise = (): Float32Array => recordedValues('noise').slice(noiseCalls * LATENT_SIZE, ++noiseCalls * LATENT_SIZE);
  for (let call = first; call < sampler.timesteps.length; call++) {
    const latents = states.at(-1)!;
    const output = model(sampler.scaleModelInput(latents, call), sampler.timesteps[call]!);
    states.push(sampler.step(call, output, latents, noise));
  }
  const all = Float32Array.from(states.flatMap((state) => [...state]));
  return { states: f32([states.length, ...LATENT_SHAPE], all), noiseCalls };
}

/** The first latents of text to image. */
export function startOf(sampler: Sampler): Float32Array {
  return recordedValues('x0').map((value) => value * sampler.initNoiseSigma);
}
