/** The timesteps and noise levels that one run steps through, for the samplers that work in σ. */
import type { SamplerPlan } from './sampler-factory.ts';
import { alphasCumprod } from './schedule.ts';
import type { ScheduleName } from './schedule-names.ts';
import { SCHEDULE_SIGMAS } from './schedule-sigmas.ts';
import type { SchedulerSettings } from './scheduler-config.ts';
import { sigmasAt, sigmaTable, timestepsOf } from './sigmas.ts';
import { roundHalfToEven, solverTimesteps, spacedTimesteps } from './timesteps.ts';

/** Timesteps [n] and noise levels [n + 1], both falling and rounded to f32; the last level is 0. */
export interface SigmaRun {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
}

/** How a run is spread, apart from the checkpoint's settings. */
export type RunPlan = Pick<SamplerPlan, 'steps' | 'schedule' | 'isSdxl'>;

/** Runs of Euler, Heun, LMS and their kin: timesteps may have fractions; levels lie between the ends of the spaced ones. */
export function sigmaRun(settings: SchedulerSettings, plan: RunPlan): SigmaRun {
  const table = finiteSigmaTable(settings);
  const spaced = spacedTimesteps(settings, plan.steps);
  const sigmas = sigmasAt(table, spaced);
  if (plan.schedule === 'automatic') return roundedRun(spaced, sigmas);
  const range = { ...plan, table, min: sigmas.at(-1)!, max: sigmas[0]! };
  const scheduled = SCHEDULE_SIGMAS[plan.schedule](range);
  return roundedRun(timestepsOf(scheduled, table), scheduled);
}

/** How Diffusers makes timesteps whole; it cuts those of these two schedules. */
const CUT: readonly ScheduleName[] = ['exponential', 'beta'];

/**
 * Runs of DPM++, UniPC and DEIS: whole timesteps; levels lie between the ends of the whole schedule.
 *
 * With cosine betas or zero terminal SNR the first timestep may come twice, at two levels. A run starts at the first, as
 * Diffusers does after `set_begin_index(0)`; without that call it looks up the second, and then steps past its table's end.
 */
export function solverRun(
  settings: SchedulerSettings,
  plan: RunPlan,
  toWhole: (timestep: number) => number = roundHalfToEven,
): SigmaRun {
  const table = finiteSigmaTable(settings);
  if (plan.schedule !== 'automatic') {
    const scheduled = SCHEDULE_SIGMAS[plan.schedule]({ ...plan, table, min: table[0]!, max: table.at(-1)! });
    const whole = CUT.includes(plan.schedule) ? Math.floor : toWhole;
    return roundedRun(timestepsOf(scheduled, table).map(whole), scheduled);
  }
  const timesteps = solverTimesteps(settings, plan.steps);
  return roundedRun(timesteps, sigmasAt(table, timesteps));
}

/**
 * A run whose levels are given as shares of the way from the highest to the lowest of the table in log σ; it ends at the last one.
 * Timesteps are one fewer than levels.
 */
export function evenInLogSigma(settings: SchedulerSettings, shares: readonly number[]): SigmaRun {
  const table = finiteSigmaTable(settings);
  const [from, to] = [Math.log(table.at(-1)!), Math.log(table[0]!)];
  const sigmas = shares.map((share) => Math.exp(from + share * (to - from)));
  return { timesteps: timestepsOf(sigmas.slice(0, -1), table).map(Math.fround), sigmas };
}

/** σ of the first training step, the least that the network was trained at. */
export function leastSigma(settings: SchedulerSettings): number {
  return finiteSigmaTable(settings)[0]!;
}

/**
 * A run of two calls a step: between every two levels but the last two comes a third, at which the model is asked again.
 *
 * between   the level between two
 */
export function withMidpoints(
  { timesteps, sigmas }: SigmaRun,
  settings: SchedulerSettings,
  between: (from: number, to: number) => number,
): SigmaRun {
  const middles = sigmas.slice(0, -2).map((from, i) => between(from, sigmas[i + 1]!));
  const middleTimesteps = timestepsOf(middles, finiteSigmaTable(settings));
  const joined = (values: readonly number[], others: readonly number[]): number[] =>
    values.flatMap((value, i) => (i < others.length ? [value, Math.fround(others[i]!)] : value));
  return { timesteps: joined(timesteps, middleTimesteps), sigmas: joined(sigmas, middles) };
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
