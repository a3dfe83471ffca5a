/** The timesteps and noise levels that one run steps through, for the samplers that work in σ. */
import { alphasCumprod } from './schedule.ts';
import type { SchedulerSettings } from './scheduler-config.ts';
import { karrasSigmas, sigmasAt, sigmaTable, timestepsOf } from './sigmas.ts';
import { roundHalfToEven, solverTimesteps, spacedTimesteps } from './timesteps.ts';

/** Timesteps [n] and noise levels [n + 1], both falling and rounded to f32; the last level is 0. */
export interface SigmaRun {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
}

/** Runs of Euler, Heun and LMS: timesteps may have fractions; Karras' levels lie between the ends of the spaced ones. */
export function sigmaRun(settings: SchedulerSettings, steps: number, isKarras: boolean): SigmaRun {
  const table = finiteSigmaTable(settings);
  const spaced = spacedTimesteps(settings, steps);
  const sigmas = sigmasAt(table, spaced);
  if (!isKarras) return roundedRun(spaced, sigmas);
  const karras = karrasSigmas(sigmas.at(-1)!, sigmas[0]!, steps);
  return roundedRun(timestepsOf(karras, table), karras);
}

/**
 * Runs of DPM++ and UniPC: whole timesteps; Karras' levels lie between the ends of the whole schedule.
 *
 * With cosine betas or zero terminal SNR the first timestep may come twice, at two levels. A run starts at the first, as
 * Diffusers does after `set_begin_index(0)`; without that call it looks up the second, and then steps past its table's end.
 */
export function solverRun(
  settings: SchedulerSettings,
  steps: number,
  isKarras: boolean,
  toWhole: (timestep: number) => number = roundHalfToEven,
): SigmaRun {
  const table = finiteSigmaTable(settings);
  if (isKarras) {
    const karras = karrasSigmas(table[0]!, table.at(-1)!, steps);
    return roundedRun(timestepsOf(karras, table).map(toWhole), karras);
  }
  const timesteps = solverTimesteps(settings, steps);
  return roundedRun(timesteps, sigmasAt(table, timesteps));
}

function roundedRun(timesteps: readonly number[], sigmas: readonly number[]): SigmaRun {
  return { timesteps: timesteps.map(Math.fround), sigmas: [...sigmas.map(Math.fround), 0] };
}

/** Where ᾱ ends at 0, σ would be infinite; Diffusers holds it at ᾱ = 2⁻²⁴, the smallest positive f16. */
function finiteSigmaTable(settings: SchedulerSettings): Float32Array {
  const alphas = alphasCumprod(settings);
  if (settings.rescaleZeroTerminalSnr) alphas[alphas.length - 1] = 2 ** -24;
  return sigmaTable(alphas);
}
