/**
 * Which training steps a run of n steps visits: the three spacings, as the Diffusers classes differ in them.
 * Source: Lin et al. 2023, table 2; https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/schedulers/scheduling_ddim.py
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { SchedulerSettings } from './scheduler-config.ts';

/** n timesteps, falling; with linspace spacing they have fractions (Euler, Heun, LMS). */
export function spacedTimesteps(settings: SchedulerSettings, steps: number): number[] {
  const { trainTimesteps, stepsOffset } = settings;
  switch (settings.timestepSpacing) {
    case 'linspace':
      return linspace(0, trainTimesteps - 1, steps).reverse();
    case 'leading':
      return leadingTimesteps(Math.floor(trainTimesteps / steps), steps, stepsOffset, trainTimesteps);
    case 'trailing':
      return trailingTimesteps(trainTimesteps, steps);
  }
}

/** n whole timesteps, falling (DDIM, DDPM, PNDM). */
export function wholeTimesteps(settings: SchedulerSettings, steps: number): number[] {
  return spacedTimesteps(settings, steps).map(roundHalfToEven);
}

/** n whole timesteps, falling: the upper n of n + 1 points, so the last step has room below it (DPM++, UniPC). */
export function solverTimesteps(settings: SchedulerSettings, steps: number): number[] {
  const { trainTimesteps, stepsOffset, timestepSpacing } = settings;
  if (timestepSpacing === 'trailing') return trailingTimesteps(trainTimesteps, steps);
  if (timestepSpacing === 'linspace') {
    return linspace(0, trainTimesteps - 1, steps + 1)
      .slice(1)
      .reverse()
      .map(roundHalfToEven);
  }
  const ratio = Math.floor(trainTimesteps / (steps + 1));
  return leadingTimesteps(ratio, steps, ratio + stepsOffset, trainTimesteps);
}

function leadingTimesteps(ratio: number, steps: number, lowest: number, trainTimesteps: number): number[] {
  const timesteps = Array.from({ length: steps }, (_, i) => (steps - 1 - i) * ratio + lowest);
  if (ratio < 1 || timesteps[0]! >= trainTimesteps) throw tooManySteps(steps, trainTimesteps - 1);
  return timesteps;
}

function trailingTimesteps(trainTimesteps: number, steps: number): number[] {
  const stride = trainTimesteps / steps;
  return Array.from({ length: steps }, (_, i) => roundHalfToEven(trainTimesteps - i * stride) - 1);
}

/** @throws MeshError UNSUPPORTED_OPTION when `steps` is no whole number from 1 to `most`. */
export function requireSteps(steps: number, most: number): void {
  if (!Number.isInteger(steps) || steps < 1 || steps > most) throw tooManySteps(steps, most);
}

function tooManySteps(steps: number, most: number): MeshError {
  return new MeshError(
    'UNSUPPORTED_OPTION',
    `This sampler cannot make ${steps} steps: give a whole number from 1 to ${most}.`,
    { path: 'steps', steps, most },
  );
}

/** `numpy.linspace`: evenly spaced numbers, both ends included; one number is the start. */
export function linspace(start: number, end: number, count: number): number[] {
  const step = (end - start) / (count - 1);
  return Array.from({ length: count }, (_, i) => (i > 0 && i === count - 1 ? end : start + (i === 0 ? 0 : i * step)));
}

/** `numpy.round`: halves go to the even neighbour. */
export function roundHalfToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
