/**
 * The noise levels of every schedule: n of them, falling; the run itself ends at 0. `karras`, `exponential` and `beta` are
 * those of Diffusers, whose samplers differ in the ends they take; the others span the whole table, as in the web UI.
 */
import { symmetricBetaQuantile } from './beta-quantile.ts';
import type { ScheduleName } from './schedule-names.ts';
import { linspace } from './timesteps.ts';

/** What the levels are chosen from. */
export interface LevelRange {
  /** σ of every training step: f32 [trainTimesteps], rising. */
  readonly table: Float32Array;
  /** The ends that the sampler's Diffusers class takes. */
  readonly min: number;
  readonly max: number;
  readonly steps: number;
  /** `align_your_steps` was optimized for SD 1.5 and for SDXL apart. */
  readonly isSdxl: boolean;
}

/** Karras' ρ: how much more densely low noise levels are visited. */
const KARRAS_RHO = 7;

/** Shape of the beta distribution. Source: Lee et al. 2024 (Beta Sampling is All You Need), §4. */
const BETA_SHAPE = 0.6;

/**
 * Ten optimized steps.
 * Source: Sabour et al. 2024 (Align Your Steps), appendix; the levels that NVIDIA published for Stable Diffusion 1.5 and XL.
 */
const ALIGNED_LEVELS = {
  sd: [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029],
  sdxl: [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.38, 0.234, 0.113, 0.029],
} as const;

/** Levels by schedule; `automatic` is none of them, since there the sampler's own spacing decides. */
export const SCHEDULE_SIGMAS: Readonly<Record<Exclude<ScheduleName, 'automatic'>, (range: LevelRange) => number[]>> = {
  karras: ({ min, max, steps }) => {
    const [rootOfMin, rootOfMax] = [min ** (1 / KARRAS_RHO), max ** (1 / KARRAS_RHO)];
    return linspace(0, 1, steps).map((ramp) => (rootOfMax + ramp * (rootOfMin - rootOfMax)) ** KARRAS_RHO);
  },
  exponential: ({ min, max, steps }) => linspace(Math.log(max), Math.log(min), steps).map(Math.exp),
  beta: ({ min, max, steps }) =>
    linspace(0, 1, steps).map((ramp) => min + symmetricBetaQuantile(1 - ramp, BETA_SHAPE) * (max - min)),
  /** At the ρ of 1 that the web UI has, a straight line in log σ over the whole table. */
  polyexponential: ({ table, steps }) => linspace(Math.log(table.at(-1)!), Math.log(table[0]!), steps).map(Math.exp),
  uniform: evenInTime,
  /** The web UI's and ComfyUI's `normal` begins and ends where `uniform` does. */
  normal: evenInTime,
  /** The upper n of n + 1 points that are even in time, so the last step has room below it. */
  sgm_uniform: ({ table, steps }) => logSigmasAt(table, linspace(table.length - 1, 0, steps + 1).slice(0, -1)),
  /** Entries of the table, evenly from the top. */
  simple: ({ table, steps }) =>
    Array.from({ length: steps }, (_, i) => table[table.length - 1 - Math.floor((i * table.length) / steps)]!),
  /** The training steps that DDIM visits with `leading` spacing and an offset of 1. */
  ddim: ({ table, steps }) => {
    const stride = Math.floor(table.length / steps);
    return Array.from({ length: steps }, (_, i) => table[Math.min((steps - 1 - i) * stride + 1, table.length - 1)]!);
  },
  /** Even in the angle whose tangent is σ. Source: Sabour et al. 2024, §3.1. */
  kl_optimal: ({ table, steps }) => linspace(Math.atan(table.at(-1)!), Math.atan(table[0]!), steps).map(Math.tan),
  align_your_steps: ({ steps, isSdxl }) => logLinear(ALIGNED_LEVELS[isSdxl ? 'sdxl' : 'sd'], steps),
};

/** Source: https://github.com/crowsonkb/k-diffusion/blob/v0.1.1/k_diffusion/external.py `DiscreteSchedule.get_sigmas`. */
function evenInTime({ table, steps }: LevelRange): number[] {
  return logSigmasAt(table, linspace(table.length - 1, 0, steps));
}

/** σ at timesteps that may have fractions, linear in log σ. */
function logSigmasAt(table: Float32Array, timesteps: readonly number[]): number[] {
  return timesteps.map((timestep) => {
    const low = Math.min(Math.floor(timestep), table.length - 2);
    const [below, above] = [Math.log(table[low]!), Math.log(table[low + 1]!)];
    return Math.exp(below + (timestep - low) * (above - below));
  });
}

/** n levels along given ones, linear in log σ between them. */
function logLinear(levels: readonly number[], count: number): number[] {
  return linspace(0, levels.length - 1, count).map((position) => {
    const low = Math.min(Math.floor(position), levels.length - 2);
    const [from, to] = [Math.log(levels[low]!), Math.log(levels[low + 1]!)];
    return Math.exp(from + (position - low) * (to - from));
  });
}
