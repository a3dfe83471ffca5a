import { describe, expect, it } from 'vitest';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { resolveSampler, SAMPLERS, samplerOfConfig, webUiSchedule } from '#shared/diffusion/sampler-names.ts';
import {
  resolveSchedule,
  SCHEDULE_LABELS,
  SCHEDULE_NAMES,
  type ScheduleName,
} from '#shared/diffusion/schedule-names.ts';
import { codeOf, errorOf } from './thrown.ts';

describe('sampler names — labels and aliases', () => {
  it('knows each sampler by the label that goes into a picture', () => {
    expect(SAMPLERS.map((sampler) => sampler.label)).toEqual([
      'DPM++ 2M',
      'DPM++ SDE',
      'DPM++ 2M SDE',
      'DPM++ 2M SDE Heun',
      'DPM++ 2S a',
      'DPM++ 3M SDE',
      'Euler a',
      'Euler',
      'LMS',
      'Heun',
      'DPM2',
      'DPM2 a',
      'DDIM',
      'PLMS',
      'UniPC',
      'DEIS',
      'IPNDM',
      'DPM fast',
      'LCM',
      'TCD',
      'DDPM',
    ]);
  });

  it.each<[string, string, ScheduleName?]>([
    ['dpm++ 2m karras', 'DPM++ 2M', 'karras'],
    ['k_dpmpp_2m_ka', 'DPM++ 2M', 'karras'],
    ['dpmpp_2m_k', 'DPM++ 2M', 'karras'],
    ['dpmpp-2m-karras', 'DPM++ 2M', 'karras'],
    ['DPMSolverMultistepScheduler', 'DPM++ 2M'],
    ['DPM++ 2M SDE Exponential', 'DPM++ 2M SDE', 'exponential'],
    ['DPM++ 2M SDE Heun Karras', 'DPM++ 2M SDE Heun', 'karras'],
    ['DPM++ SDE Karras', 'DPM++ SDE', 'karras'],
    ['DPM2 a Karras', 'DPM2 a', 'karras'],
    ['k_dpm_2_a', 'DPM2 a'],
    ['k_dpm_2', 'DPM2'],
    ['k_euler_a', 'Euler a'],
    ['EULER ANCESTRAL', 'Euler a'],
    ['Euler SGM Uniform', 'Euler', 'sgm_uniform'],
    ['Euler Align Your Steps', 'Euler', 'align_your_steps'],
    ['EulerDiscreteScheduler', 'Euler'],
    ['pndm', 'PLMS'],
    ['plms', 'PLMS'],
    ['uni_pc', 'UniPC'],
    ['lms_karras', 'LMS', 'karras'],
  ])('understands %s', (name, label, schedule) => {
    const named = resolveSampler(name);
    expect([named.sampler.label, named.schedule]).toEqual([label, schedule]);
  });

  it('gives every name to one sampler only', () => {
    for (const sampler of SAMPLERS) {
      for (const name of [sampler.label, ...sampler.aliases]) {
        expect(resolveSampler(name), name).toEqual({ sampler, schedule: undefined });
      }
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

describe('sampler names — schedules', () => {
  it.each(SCHEDULE_NAMES)('%s is understood by name and label', (name) => {
    expect(resolveSchedule(name)).toBe(name);
    expect(resolveSchedule(SCHEDULE_LABELS[name])).toBe(name);
  });

  it('offers near names for an unknown one', () => {
    const error = errorOf(() => resolveSchedule('karas'));
    expect(error).toMatchObject({ code: 'UNSUPPORTED_OPTION', details: { path: 'schedule', nearest: ['karras'] } });
  });

  it.each(['DDIM', 'PLMS', 'DDPM', 'LCM', 'TCD'])('%s has none, and the error names samplers that have', (name) => {
    for (const act of [
      () => resolveSampler(`${name} Karras`),
      () => createSampler(name, { config: {}, steps: 4, schedule: 'beta' }),
    ]) {
      const error = errorOf(act);
      expect(error.code).toBe('UNSUPPORTED_OPTION');
      expect(error.details.having).toContain('DPM++ 2M');
    }
  });

  it.each([
    ['DPM++ 2M', 'karras'],
    ['DPM++ 2M SDE', 'exponential'],
    ['DPM++ 3M SDE', 'exponential'],
    ['DPM2 a', 'karras'],
    ['Euler a', 'uniform'],
    ['DDIM', 'automatic'],
    ['UniPC', 'automatic'],
  ])('the web UI’s Automatic for %s is %s', (name, schedule) => {
    expect(webUiSchedule(resolveSampler(name).sampler)).toBe(schedule);
  });
});

describe('sampler names — the sampler of a checkpoint', () => {
  it.each([
    [{ _class_name: 'PNDMScheduler' }, 'PLMS'],
    [{ _class_name: 'EulerDiscreteScheduler', use_karras_sigmas: true }, 'Euler', 'karras'],
    [{ _class_name: 'EulerDiscreteScheduler', use_exponential_sigmas: true }, 'Euler', 'exponential'],
    [{ _class_name: 'UniPCMultistepScheduler', use_beta_sigmas: true }, 'UniPC', 'beta'],
    [{ _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'dpmsolver++' }, 'DPM++ 2M'],
    [{ _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'sde-dpmsolver++' }, 'DPM++ 2M SDE'],
    [
      { _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'sde-dpmsolver++', solver_type: 'heun' },
      'DPM++ 2M SDE Heun',
    ],
    [{ _class_name: 'LCMScheduler' }, 'LCM'],
  ])('%j is %s', (config, label, schedule?: string) => {
    const named = samplerOfConfig(config);
    expect([named.sampler.label, named.schedule]).toEqual([label, schedule]);
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

  it('takes the schedule from the name or from the option, and refuses two', () => {
    const sigmas = (name: string, schedule?: ScheduleName) =>
      createSampler(name, { config: {}, steps, ...(schedule && { schedule }) }).sigmas;
    expect(sigmas('Euler', 'karras')).toEqual(sigmas('Euler Karras'));
    expect(sigmas('Euler Karras', 'karras')).toEqual(sigmas('Euler Karras'));
    expect(sigmas('Euler Karras', 'automatic')).toEqual(sigmas('Euler Karras'));
    expect(sigmas('Euler')).not.toEqual(sigmas('Euler Karras'));
    expect(codeOf(() => sigmas('Euler Karras', 'simple'))).toBe('UNSUPPORTED_OPTION');
  });

  it('takes eta where it means something, with the method’s own share of noise else', () => {
    expect(createSampler('DDIM', { config: {}, steps }).drawsNoise(0)).toBe(false);
    expect(createSampler('DDIM', { config: {}, steps, eta: 1 }).drawsNoise(0)).toBe(true);
    expect(createSampler('DPM++ 2S a', { config: {}, steps }).drawsNoise(1)).toBe(true);
    expect(createSampler('DPM++ 2S a', { config: {}, steps, eta: 0 }).drawsNoise(1)).toBe(false);
    expect(codeOf(() => createSampler('Euler', { config: {}, steps, eta: 0.5 }))).toBe('UNSUPPORTED_OPTION');
    expect(codeOf(() => createSampler('DDIM', { config: {}, steps, eta: Number.NaN }))).toBe('UNSUPPORTED_OPTION');
  });

  it.each([
    ['Euler', 0],
    ['Euler', 2.5],
    ['Euler', 1001],
    ['DDIM', Number.NaN],
    ['LCM', 51],
    ['UniPC', 1000],
  ])('%s refuses %d steps', (name, count) => {
    expect(codeOf(() => createSampler(name, { config: {}, steps: count }))).toBe('UNSUPPORTED_OPTION');
  });

  it('refuses steps that lead above the last training step', () => {
    const config = { steps_offset: 1, timestep_spacing: 'leading' };
    expect(codeOf(() => createSampler('DDIM', { config, steps: 1000 }))).toBe('UNSUPPORTED_OPTION');
  });
});
