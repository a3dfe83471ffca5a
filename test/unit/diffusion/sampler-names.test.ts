import { describe, expect, it } from 'vitest';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { resolveSampler, SAMPLERS, samplerOfConfig, withKarras } from '#shared/diffusion/sampler-names.ts';
import { codeOf, errorOf } from './thrown.ts';

describe('sampler names — labels and aliases', () => {
  it('knows each sampler by the label that goes into a picture', () => {
    expect(SAMPLERS.map((sampler) => sampler.label)).toEqual([
      'DPM++ 2M',
      'DPM++ 2M Karras',
      'DPM++ 2M SDE',
      'DPM++ 2M SDE Karras',
      'Euler a',
      'Euler',
      'Euler Karras',
      'Heun',
      'Heun Karras',
      'LMS',
      'LMS Karras',
      'DDIM',
      'PLMS',
      'UniPC',
      'UniPC Karras',
      'LCM',
      'DDPM',
    ]);
  });

  it.each([
    ['dpm++ 2m karras', 'DPM++ 2M Karras'],
    ['k_dpmpp_2m_ka', 'DPM++ 2M Karras'],
    ['dpmpp_2m_k', 'DPM++ 2M Karras'],
    ['dpmpp-2m-karras', 'DPM++ 2M Karras'],
    ['DPMSolverMultistepScheduler', 'DPM++ 2M'],
    ['k_euler_a', 'Euler a'],
    ['EULER ANCESTRAL', 'Euler a'],
    ['EulerDiscreteScheduler', 'Euler'],
    ['pndm', 'PLMS'],
    ['plms', 'PLMS'],
    ['uni_pc', 'UniPC'],
    ['lms_karras', 'LMS Karras'],
  ])('understands %s', (name, label) => {
    expect(resolveSampler(name).label).toBe(label);
  });

  it('gives every name to one sampler only', () => {
    for (const sampler of SAMPLERS) {
      for (const name of [sampler.label, ...sampler.aliases]) expect(resolveSampler(name), name).toBe(sampler);
    }
  });

  it('offers near names for an unknown one', () => {
    const error = errorOf(() => resolveSampler('DPM++ 2M Karas'));
    expect(error.code).toBe('UNKNOWN_SAMPLER');
    expect(error.details.nearest).toContain('DPM++ 2M Karras');
    expect(error.message).toContain('DPM++ 2M Karras');
  });

  it('lists all names when none is near', () => {
    expect(errorOf(() => resolveSampler('zzzzzzzz')).message).toContain('Euler a');
  });
});

describe('sampler names — Karras variants', () => {
  it('goes from one schedule to the other and back', () => {
    const karras = withKarras(resolveSampler('UniPC'), true);
    expect(karras.label).toBe('UniPC Karras');
    expect(withKarras(karras, false).label).toBe('UniPC');
  });

  it('refuses a schedule that a method does not have', () => {
    expect(codeOf(() => withKarras(resolveSampler('DDIM'), true))).toBe('UNSUPPORTED_OPTION');
  });
});

describe('sampler names — the sampler of a checkpoint', () => {
  it.each([
    [{ _class_name: 'PNDMScheduler' }, 'PLMS'],
    [{ _class_name: 'EulerDiscreteScheduler', use_karras_sigmas: true }, 'Euler Karras'],
    [{ _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'dpmsolver++' }, 'DPM++ 2M'],
    [{ _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'sde-dpmsolver++' }, 'DPM++ 2M SDE'],
    [{ _class_name: 'LCMScheduler' }, 'LCM'],
  ])('%j is %s', (config, label) => {
    expect(samplerOfConfig(config).label).toBe(label);
  });

  it('is unsupported when the class is not ours', () => {
    expect(codeOf(() => samplerOfConfig({ _class_name: 'FlowMatchEulerDiscreteScheduler' }))).toBe(
      'CONFIG_UNSUPPORTED',
    );
    expect(codeOf(() => samplerOfConfig({}))).toBe('CONFIG_UNSUPPORTED');
  });
});

describe('create sampler — options', () => {
  const steps = 4;

  it('takes Karras from the name, and from the option over it', () => {
    const sigmas = (name: string, karras?: boolean) =>
      createSampler(name, { schedule: {}, steps, ...(karras === undefined ? {} : { karras }) }).sigmas;
    expect(sigmas('Euler', true)).toEqual(sigmas('Euler Karras'));
    expect(sigmas('Euler Karras', false)).toEqual(sigmas('Euler'));
    expect(sigmas('Euler')).not.toEqual(sigmas('Euler Karras'));
  });

  it('takes eta for DDIM only', () => {
    expect(createSampler('DDIM', { schedule: {}, steps, eta: 1 }).drawsNoise(0)).toBe(true);
    expect(codeOf(() => createSampler('Euler', { schedule: {}, steps, eta: 0.5 }))).toBe('UNSUPPORTED_OPTION');
    expect(codeOf(() => createSampler('DDIM', { schedule: {}, steps, eta: Number.NaN }))).toBe('UNSUPPORTED_OPTION');
  });

  it.each([
    ['Euler', 0],
    ['Euler', 2.5],
    ['Euler', 1001],
    ['DDIM', Number.NaN],
    ['LCM', 51],
    ['UniPC', 1000],
  ])('%s refuses %d steps', (name, count) => {
    expect(codeOf(() => createSampler(name, { schedule: {}, steps: count }))).toBe('UNSUPPORTED_OPTION');
  });

  it('refuses steps that lead above the last training step', () => {
    const schedule = { steps_offset: 1, timestep_spacing: 'leading' };
    expect(codeOf(() => createSampler('DDIM', { schedule, steps: 1000 }))).toBe('UNSUPPORTED_OPTION');
  });
});
