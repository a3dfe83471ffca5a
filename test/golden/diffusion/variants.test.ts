/**
 * What cases.json leaves out. In variants.json: more Karras schedules, other predictions, zero terminal SNR, cosine betas, class defaults, and
 * first timesteps that come twice (recorded after `set_begin_index(0)`, without which the recorded classes fail). In more.json:
 * further samplers and schedules, from Diffusers where it has the class, else from k-diffusion.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { expectClose, goldenPath } from '../reference.ts';
import { runSampler, startOf } from './run-sampler.ts';

interface Row {
  readonly case: string;
  readonly label: string;
  readonly config: Record<string, unknown>;
  /** The checkpoint's config says nothing at all. */
  readonly silent?: true;
  readonly steps: number;
  readonly eta?: number;
  readonly schedule?: string;
  /** How often noise was drawn. */
  readonly draws?: number;
  readonly timesteps: number[];
  /** The state after the last call: [4, 4, 4]. */
  readonly last: number[];
}

const read = (file: string): { base: Record<string, unknown>; cases: Row[] } =>
  JSON.parse(readFileSync(goldenPath('schedulers', file), 'utf8'));
const { base, cases } = read('variants.json');
const more = read('more.json').cases;

/** The reference computes in f32. Cosine betas with Euler and LMS are left out: from σ 20 000 down, f32 loses the picture. */
const TOLERANCE = 4e-5;
const TIMESTEP_TOLERANCE = 2e-3;

describe('samplers — against recorded variants', () => {
  it.each([...cases, ...more])('$case', (row) => {
    const { case: name, label, config, silent, steps, eta, schedule, timesteps, last } = row;
    const sampler = createSampler(label, {
      config: silent ? {} : { ...base, ...config },
      steps,
      ...(eta !== undefined && { eta }),
      ...(schedule && { schedule }),
    });
    expect(sampler.timesteps.length).toBe(timesteps.length);
    for (const [i, timestep] of sampler.timesteps.entries()) {
      expect(Math.abs(timestep - timesteps[i]!)).toBeLessThan(TIMESTEP_TOLERANCE);
    }
    const { states, noiseCalls } = runSampler(sampler, startOf(sampler));
    expect(noiseCalls).toBe(row.draws ?? noiseCalls);
    const final = f32([4, 4, 4], (states.data as Float32Array).slice(-last.length));
    expectClose(name, final, f32([4, 4, 4], Float32Array.from(last)), TOLERANCE);
  });
});
