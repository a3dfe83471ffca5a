import { describe, expect, it } from 'vitest';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import type { SchedulerConfig } from '#shared/diffusion/scheduler-config.ts';
import { codeOf, errorOf } from './thrown.ts';

const create = (name: string, config: SchedulerConfig) => createSampler(name, { config, steps: 4 });

/** As it stands on the hub for Stable Diffusion 1.5. */
const SD15 = {
  _class_name: 'PNDMScheduler',
  _diffusers_version: '0.6.0',
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  num_train_timesteps: 1000,
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  trained_betas: null,
  clip_sample: false,
};

describe('scheduler config — what a checkpoint says', () => {
  it('takes each class’s own spacing where the file names none', () => {
    expect(create('DDIM', SD15).timesteps).toEqual([751, 501, 251, 1]);
    expect(create('Euler', SD15).timesteps).toEqual([999, 666, 333, 0]);
    expect(create('DPM++ 2M', SD15).timesteps).toEqual([999, 749, 500, 250]);
  });

  it('takes the spacing that the file names', () => {
    expect(create('Euler', { ...SD15, timestep_spacing: 'trailing' }).timesteps).toEqual([999, 749, 499, 249]);
  });

  it('takes betas one by one, and they win over the schedule', () => {
    const trained_betas = Array.from({ length: 1000 }, () => 0.01);
    const sigma = create('Euler', { ...SD15, trained_betas }).sigmas![0]!;
    const alpha = 0.99 ** 1000;
    expect(sigma).toBeCloseTo(Math.sqrt((1 - alpha) / alpha), 1);
  });

  it('lets what belongs to another class pass, as Diffusers does', () => {
    const other = {
      ...SD15,
      solver_type: 'bh2',
      algorithm_type: 'deis',
      interpolation_type: 'linear',
      sigma_min: null,
    };
    expect(create('DPM++ 2M', other).timesteps).toEqual(create('DPM++ 2M', SD15).timesteps);
    expect(create('DDIM', { ...SD15, use_beta_sigmas: true }).timesteps).toEqual(create('DDIM', SD15).timesteps);
  });
});

describe('scheduler config — what is refused', () => {
  it.each<[string, SchedulerConfig]>([
    ['DDIM', { beta_schedule: 'sigmoid' }],
    ['DDIM', { thresholding: true }],
    ['DDIM', { timestep_spacing: 'sideways' }],
    ['DDIM', { prediction_type: 'flow_prediction' }],
    ['DDIM', { rescale_betas_zero_snr: true }],
    ['DDPM', { variance_type: 'learned_range' }],
    ['PLMS', { skip_prk_steps: false }],
    ['PLMS', { rescale_betas_zero_snr: true }],
    ['Euler', { interpolation_type: 'log_linear' }],
    ['Euler', { timestep_type: 'continuous' }],
    ['Euler', { sigma_min: 0.002 }],
    ['Euler a', { prediction_type: 'sample' }],
    ['Heun', { clip_sample: true }],
    ['DPM++ 2M', { algorithm_type: 'dpmsolver' }],
    ['DPM++ 2M', { solver_order: 3 }],
    ['DPM++ 2M', { use_flow_sigmas: true }],
    ['UniPC', { disable_corrector: [0] }],
    ['UniPC', { predict_x0: false }],
  ])('%s: %j is not implemented', (name, setting) => {
    const error = errorOf(() => create(name, { ...SD15, ...setting }));
    expect(error.code).toBe('CONFIG_UNSUPPORTED');
    expect(error.message).toContain(Object.keys(setting)[0]);
  });

  it.each<SchedulerConfig>([
    { beta_start: '0.1' },
    { beta_end: 2 },
    { num_train_timesteps: 1e9 },
    { steps_offset: -1 },
    { clip_sample: 'no' },
    { trained_betas: [0.1, 0.2] },
    { trained_betas: Array.from({ length: 1000 }, () => Number.NaN) },
  ])('%j is no valid setting', (setting) => {
    expect(codeOf(() => create('DDIM', { ...SD15, ...setting }))).toBe('CONFIG_INVALID');
  });
});
