import { describe, expect, it } from 'vitest';
import { createBatchNoise, createGenerator } from '#shared/diffusion/noise.ts';
import { codeOf } from './thrown.ts';

describe('noise', () => {
  it('counts only the low 32 bits of a seed, whatever its type and sign', () => {
    const values = createGenerator(5).randn(20);
    expect(createGenerator(5n).randn(20)).toEqual(values);
    expect(createGenerator(2n ** 40n + 5n).randn(20)).toEqual(values);
    expect(createGenerator(-1).randn(20)).toEqual(createGenerator(0xffffffff).randn(20));
  });

  it('has mean 0 and deviation 1', () => {
    const values = createGenerator(3).randn(100_000);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(mean).toBeCloseTo(0, 1);
    expect(variance).toBeCloseTo(1, 1);
  });

  it('gives a picture the same noise alone and in a batch, draw after draw', () => {
    const batch = createBatchNoise([11, 12], 64);
    const alone = createGenerator(12);
    expect(batch().subarray(64)).toEqual(alone.randn(64));
    expect(batch().subarray(64)).toEqual(alone.randn(64));
  });

  it('refuses a seed that is no whole number', () => {
    expect(codeOf(() => createGenerator(1.5))).toBe('INVALID_REQUEST');
    expect(codeOf(() => createGenerator(2 ** 60))).toBe('INVALID_REQUEST');
  });
});
