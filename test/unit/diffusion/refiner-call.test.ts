import { describe, expect, it } from 'vitest';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { refinerCall } from '#shared/diffusion/refiner-call.ts';

const config = { timestep_spacing: 'trailing', beta_schedule: 'scaled_linear' };
const callOf = (name: string, denoisingStart: number) =>
  refinerCall(createSampler(name, { config, steps: 10 }), denoisingStart, config);

describe('refiner — where it takes over', () => {
  it.each([
    [0.8, 8],
    [0.85, 9],
    [0.0001, 0],
    [0.9999, 10],
  ])('at %d of the noise’s way call %d is the first', (denoisingStart, call) => {
    expect(callOf('DDIM', denoisingStart)).toBe(call);
  });

  it('never within a step of two calls', () => {
    const calls = [0.3, 0.5, 0.8].map((denoisingStart) => callOf('Heun', denoisingStart));
    expect(calls.map((call) => call % 2)).toEqual([0, 0, 0]);
    expect(new Set(calls).size).toBe(3);
  });
});
