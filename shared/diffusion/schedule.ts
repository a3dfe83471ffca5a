/**
 * The noise schedule: betas and ᾱ = Π(1 − β) of every training step, rounded to f32 where torch rounds, because 1 − ᾱ
 * near timestep 0 shows it.
 * Source: https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_ddim.py
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { SchedulerSettings } from './scheduler-config.ts';

const { fround } = Math;

/** Betas of all training steps: f32 [trainTimesteps]. */
export function betas(settings: SchedulerSettings): Float32Array {
  const table = settings.trainedBetas ? Float32Array.from(settings.trainedBetas) : scheduledBetas(settings);
  return settings.rescaleZeroTerminalSnr ? rescaleToZeroTerminalSnr(table) : table;
}

/** ᾱ of all training steps: f32 [trainTimesteps], falling from nearly 1. */
export function alphasCumprod(settings: SchedulerSettings): Float32Array {
  return cumulativeProduct(betas(settings).map((beta) => 1 - beta));
}

/** ᾱ by whole timestep, also below the schedule's first one. */
export interface AlphaSchedule {
  at(timestep: number): number;
}

/**
 * ᾱ by timestep; below 0 it is ᾱ₀, or 1 where `set_alpha_to_one`.
 * @throws MeshError CONFIG_UNSUPPORTED when ᾱ ends at 0 and noise is predicted: clean latents would be divided by 0.
 */
export function alphaSchedule(settings: SchedulerSettings): AlphaSchedule {
  const alphas = alphasCumprod(settings);
  if (alphas.at(-1) === 0 && settings.predictionType === 'epsilon') {
    const message =
      'rescale_betas_zero_snr with prediction_type epsilon does not work with this sampler; choose an Euler or DPM++ sampler.';
    throw new MeshError('CONFIG_UNSUPPORTED', message, { setting: 'rescale_betas_zero_snr' });
  }
  const below = settings.setAlphaToOne ? 1 : alphas[0]!;
  return { at: (timestep) => (timestep < 0 ? below : alphas[timestep]!) };
}

function scheduledBetas(settings: SchedulerSettings): Float32Array {
  const { betaStart, betaEnd, trainTimesteps } = settings;
  switch (settings.betaSchedule) {
    case 'linear':
      return linspace32(betaStart, betaEnd, trainTimesteps);
    case 'scaled_linear':
      return linspace32(Math.sqrt(betaStart), Math.sqrt(betaEnd), trainTimesteps).map((root) => root * root);
    case 'squaredcos_cap_v2':
      return cosineBetas(trainTimesteps);
  }
}

/** `torch.linspace` in f32: the first half counts up from the start, the second down from the end. */
function linspace32(start: number, end: number, count: number): Float32Array {
  const step = fround(fround(fround(end) - fround(start)) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < count / 2 ? fround(start) + fround(step * i) : fround(end) - fround(step * (count - 1 - i)),
  );
}

/** Nichol and Dhariwal 2021, eq. 17: ᾱ is a squared cosine; a beta is at most 0.999. */
function cosineBetas(count: number): Float32Array {
  const alphaBar = (time: number): number => Math.cos((((time + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  return Float32Array.from({ length: count }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / count) / alphaBar(i / count), 0.999),
  );
}

/** Lin et al. 2023, alg. 1: √ᾱ is shifted and stretched so that the last step is pure noise and the first stays. */
function rescaleToZeroTerminalSnr(table: Float32Array): Float32Array {
  const roots = cumulativeProduct(table.map((beta) => 1 - beta)).map(Math.sqrt);
  const first = roots[0]!;
  const last = roots.at(-1)!;
  const stretch = fround(first / fround(first - last));
  const products = roots.map((root) => fround(fround(root - last) * stretch) ** 2);
  return products.map((product, i) => 1 - (i === 0 ? product : fround(product / products[i - 1]!)));
}

/** `torch.cumprod` in f32: the running product is kept in f64, each entry rounded. */
function cumulativeProduct(factors: Float32Array): Float32Array {
  let product = 1;
  return factors.map((factor) => {
    product *= factor;
    return product;
  });
}
