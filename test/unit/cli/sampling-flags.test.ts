import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addSamplingOptions, type SamplingFlags, samplingFields } from '../../../services/cli/sampling-flags.ts';

function fieldsOf(...args: string[]): object {
  const command = addSamplingOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  const fields = samplingFields(command.parse(args, { from: 'user' }).opts<SamplingFlags>());
  return JSON.parse(JSON.stringify(fields)) as object;
}

describe('command line — sampling', () => {
  it('leaves out what is not given', () => {
    expect(fieldsOf()).toEqual({});
  });

  it('gives each flag to its field', () => {
    const run = ['--sampler', 'DPM2 a', '--schedule', 'karras', '--eta', '0.5', '--rng', 'philox'];
    const rest = ['--prompt-syntax', 'a1111', '--guidance-rescale', '0.7', '--guidance-interval', '0.1-.8'];
    expect(fieldsOf(...run, ...rest)).toEqual({
      sampler: 'DPM2 a',
      schedule: 'karras',
      eta: 0.5,
      rng: 'philox',
      prompt_syntax: 'a1111',
      guidance_rescale: 0.7,
      guidance_start: 0.1,
      guidance_end: 0.8,
    });
  });

  it('a refiner takes over where it is told, or where the mesh says', () => {
    expect(fieldsOf('--refiner')).toEqual({ refiner: {} });
    expect(fieldsOf('--refiner', '0.7')).toEqual({ refiner: { denoising_start: 0.7 } });
  });

  it.each([
    ['--guidance-interval', '0.5'],
    ['--guidance-interval', 'a-b'],
    ['--rng', 'dice'],
    ['--prompt-syntax', 'compel'],
  ])('refuses %s %s', (...args) => {
    expect(() => fieldsOf(...args)).toThrow();
  });
});
