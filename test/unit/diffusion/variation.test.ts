import { describe, expect, it } from 'vitest';
import { createGenerator } from '#shared/diffusion/noise.ts';
import { slerp, varyNoise } from '#shared/diffusion/variation.ts';

const SIZE = { channels: 4, height: 8, width: 6 };
const SHAPE = [4, 8, 6];
const noiseOf = (seed: number, shape = SHAPE): Float32Array => createGenerator(seed).randn(shape);

describe('variation — between two seeds', () => {
  it('is the one at 0 and the other at 1', () => {
    const own = noiseOf(1);
    expect(varyNoise(own, 1, SIZE, { strength: 0, subseed: 2 })).toEqual(own);
    const other = varyNoise(own, 1, SIZE, { strength: 1, subseed: 2 });
    const want = noiseOf(2);
    other.forEach((value, i) => void expect(value).toBeCloseTo(want[i]!, 6));
  });

  it('half way has the weights of an arc in each column, so that it is as strong as noise is', () => {
    // Columns (3, 0) and (1, 0) against (0, 2) and (0, 1): right angles.
    const a = Float32Array.of(3, 1, 0, 0);
    const b = Float32Array.of(0, 0, 2, 1);
    const mixed = slerp(a, b, 0.5, { channels: 1, height: 2, width: 2 });
    const weight = Math.sin(Math.PI / 4);
    [3, 1, 2, 1].forEach((value, i) => void expect(mixed[i]).toBeCloseTo(weight * value, 6));
  });

  it('of the same seed is the seed', () => {
    const own = noiseOf(5);
    const same = varyNoise(own, 5, SIZE, { strength: 0.5, subseed: 5 });
    same.forEach((value, i) => void expect(value).toBeCloseTo(own[i]!, 6));
  });
});

describe('variation — noise of another size', () => {
  it('of a smaller picture lies in the middle', () => {
    const own = noiseOf(1);
    const got = varyNoise(own, 1, SIZE, { strength: 0, subseed: 0, from: { height: 4, width: 4 } });
    const inner = noiseOf(1, [4, 4, 4]);
    expect(got[0]).toBe(own[0]);
    // Channel 2, row 1 and column 3 of the inner one: 2 rows and 1 column further out.
    expect(got[(2 * 8 + 3) * 6 + 4]).toBe(inner[(2 * 4 + 1) * 4 + 3]);
  });

  it('of a larger one gives its middle', () => {
    const got = varyNoise(noiseOf(1), 1, SIZE, { strength: 0, subseed: 0, from: { height: 12, width: 10 } });
    const outer = noiseOf(1, [4, 12, 10]);
    expect(got[0]).toBe(outer[2 * 10 + 2]);
    expect(got.at(-1)).toBe(outer[(3 * 12 + 9) * 10 + 7]);
  });
});
