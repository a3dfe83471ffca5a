/** Whole trajectories of every sampler, under a model that is a formula, against those recorded from Diffusers. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { firstCall, type Sampler } from '#shared/diffusion/sampler.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { expectClose, goldenPath } from '../reference.ts';
import { recorded, recordedValues, runSampler, startOf } from './run-sampler.ts';

interface Row {
  readonly case: string;
  readonly sampler: string;
  readonly options: Record<string, unknown>;
  readonly step_options: { readonly eta?: number };
  readonly timestep_spacing: string;
  readonly beta_schedule: string;
  readonly prediction_type: string;
  readonly steps: number;
  readonly model_calls: number;
  readonly init_noise_sigma: number;
  readonly order: number;
  readonly noise_calls: number;
  readonly integer_timesteps: boolean;
  readonly tolerance: number;
  readonly img2img?: { strength: number; first_index: number; model_calls: number; noise_calls: number };
}

const LABELS: Record<string, string> = {
  ddim: 'DDIM',
  'ddim_eta0.5': 'DDIM',
  euler: 'Euler',
  euler_karras: 'Euler Karras',
  euler_ancestral: 'Euler a',
  dpmpp_2m: 'DPM++ 2M',
  dpmpp_2m_karras: 'DPM++ 2M Karras',
  dpmpp_2m_sde: 'DPM++ 2M SDE',
  dpmpp_2m_sde_karras: 'DPM++ 2M SDE Karras',
  unipc: 'UniPC',
  lcm: 'LCM',
  heun: 'Heun',
  ddpm: 'DDPM',
  pndm: 'PLMS',
  lms: 'LMS',
};

/** Float32 logarithms in the reference's Karras interpolation; of 999. */
const TIMESTEP_TOLERANCE = 2e-3;

const { base, cases } = JSON.parse(readFileSync(goldenPath('schedulers', 'cases.json'), 'utf8')) as {
  base: Record<string, unknown>;
  cases: Row[];
};

function samplerOf(row: Row): Sampler {
  const { timestep_spacing, beta_schedule, prediction_type } = row;
  const config = { ...base, ...row.options, timestep_spacing, beta_schedule, prediction_type };
  return createSampler(LABELS[row.sampler]!, { config, steps: row.steps, ...row.step_options });
}

describe('samplers — against recorded trajectories', () => {
  it('has all recorded cases', () => {
    expect(cases.length).toBe(113);
  });

  it.each(cases)('$case', (row) => {
    const sampler = samplerOf(row);
    expect(sampler.timesteps.length).toBe(row.model_calls);
    expect(sampler.callsPerStep).toBe(row.order);
    expect(Math.abs(sampler.initNoiseSigma / row.init_noise_sigma - 1)).toBeLessThan(row.tolerance);

    const timesteps = recordedValues(`${row.case}/timesteps`);
    if (row.integer_timesteps) expect(sampler.timesteps).toEqual([...timesteps]);
    for (const [i, timestep] of sampler.timesteps.entries()) {
      expect(Math.abs(timestep - timesteps[i]!)).toBeLessThan(TIMESTEP_TOLERANCE);
    }

    const sigmas = recorded[`${row.case}/sigmas`];
    expect(sampler.sigmas !== undefined).toBe(sigmas !== undefined);
    if (sigmas) {
      const got = f32([sampler.sigmas!.length], Float32Array.from(sampler.sigmas!));
      expectClose(`${row.case}/sigmas`, got, sigmas, row.tolerance);
    }

    const { states, noiseCalls } = runSampler(sampler, startOf(sampler));
    expect(noiseCalls).toBe(row.noise_calls);
    expectClose(`${row.case}/x`, states, recorded[`${row.case}/x`]!, row.tolerance);
  });

  it.each(cases.filter((row) => row.img2img))('$case, image to image', (row) => {
    const { strength, first_index, model_calls, noise_calls } = row.img2img!;
    const sampler = samplerOf(row);
    const first = firstCall(sampler, row.steps, strength);
    expect(first).toBe(first_index);
    expect(sampler.timesteps.length - first).toBe(model_calls);
    const start = sampler.addNoise(recordedValues('original'), recordedValues('x0'), first);
    const { states, noiseCalls } = runSampler(sampler, start, first);
    expect(noiseCalls).toBe(noise_calls);
    expectClose(`${row.case}/img2img_x`, states, recorded[`${row.case}/img2img_x`]!, row.tolerance);
  });
});
