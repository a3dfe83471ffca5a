import { describe, expect, it } from 'vitest';
import { alphasCumprod, betas } from '#shared/diffusion/schedule.ts';
import { SCHEDULE_SIGMAS } from '#shared/diffusion/schedule-sigmas.ts';
import { readSettings, type SchedulerConfig } from '#shared/diffusion/scheduler-config.ts';
import { sigmasAt, sigmaTable, timestepsOf } from '#shared/diffusion/sigmas.ts';
import { linspace, roundHalfToEven, solverTimesteps, spacedTimesteps } from '#shared/diffusion/timesteps.ts';

const settingsOf = (config: SchedulerConfig) => readSettings(config, { timestepSpacing: 'leading', only: {} });
const STABLE_DIFFUSION = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear' };

describe('schedule — betas', () => {
  it('runs from start to end', () => {
    for (const beta_schedule of ['linear', 'scaled_linear']) {
      const table = betas(settingsOf({ ...STABLE_DIFFUSION, beta_schedule }));
      expect(table[0]).toBeCloseTo(0.00085, 8);
      expect(table.at(-1)).toBeCloseTo(0.012, 8);
    }
  });

  it('is at most 0.999 with cosine betas', () => {
    expect(Math.max(...betas(settingsOf({ beta_schedule: 'squaredcos_cap_v2' })))).toBe(Math.fround(0.999));
  });

  it('can end in pure noise, and leaves the first step as it was', () => {
    const plain = alphasCumprod(settingsOf(STABLE_DIFFUSION));
    const rescaled = alphasCumprod(settingsOf({ ...STABLE_DIFFUSION, rescale_betas_zero_snr: true }));
    expect(rescaled.at(-1)).toBe(0);
    expect(rescaled[0]).toBeCloseTo(plain[0]!, 6);
  });
});

describe('schedule — noise levels', () => {
  const table = sigmaTable(alphasCumprod(settingsOf(STABLE_DIFFUSION)));

  it('has the range that Stable Diffusion was trained with', () => {
    expect(table[0]).toBeCloseTo(0.0292, 4);
    expect(table.at(-1)).toBeCloseTo(14.6146, 4);
  });

  it('finds the timestep of a level again', () => {
    const timesteps = [999, 640.25, 12.5, 0];
    const found = timestepsOf(sigmasAt(table, timesteps), table);
    for (const [i, timestep] of timesteps.entries()) expect(found[i]).toBeCloseTo(timestep, 1);
  });

  it.each(Object.entries(SCHEDULE_SIGMAS))('%s falls from the top to nearly the bottom', (_, levels) => {
    for (const steps of [1, 2, 7, 20, 150]) {
      const sigmas = levels({ table, min: table[0]!, max: table.at(-1)!, steps, isSdxl: false });
      expect(sigmas.length).toBe(steps);
      expect([...sigmas].sort((a, b) => b - a)).toEqual(sigmas);
      expect(new Set(sigmas).size).toBe(steps);
      expect(sigmas[0]).toBeLessThanOrEqual(table.at(-1)! * 1.001);
      expect(sigmas.at(-1)).toBeGreaterThan(0);
    }
  });

  it('has its own optimized levels for SDXL', () => {
    const levels = (isSdxl: boolean): number[] =>
      SCHEDULE_SIGMAS.align_your_steps({ table, min: 0, max: 0, steps: 11, isSdxl });
    expect(levels(false)[1]).toBeCloseTo(6.475, 10);
    expect(levels(true)[1]).toBeCloseTo(6.315, 10);
  });
});

describe('schedule — timesteps', () => {
  it.each([
    ['leading', [667, 334, 1]],
    ['linspace', [999, 499.5, 0]],
    ['trailing', [999, 666, 332]],
  ])('%s: three of a thousand', (timestep_spacing, expected) => {
    expect(spacedTimesteps(settingsOf({ timestep_spacing, steps_offset: 1 }), 3)).toEqual(expected);
  });

  it.each([
    ['leading', [751, 501, 251]],
    ['linspace', [999, 666, 333]],
    ['trailing', [999, 666, 332]],
  ])('%s: three with room below', (timestep_spacing, expected) => {
    expect(solverTimesteps(settingsOf({ timestep_spacing, steps_offset: 1 }), 3)).toEqual(expected);
  });

  it('rounds halves to even and keeps both ends', () => {
    expect([0.5, 1.5, 2.5, -0.5, 2.4].map(roundHalfToEven)).toEqual([0, 2, 2, -0, 2]);
    expect(linspace(0, 1, 3)).toEqual([0, 0.5, 1]);
    expect(linspace(0, 999, 1)).toEqual([0]);
  });
});
