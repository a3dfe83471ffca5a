import { describe, expect, it } from 'vitest';
import { createBatchNoise, createGenerator } from '#shared/diffusion/noise.ts';
import { type PhiloxCounter, type PhiloxKey, philox } from '#shared/diffusion/philox.ts';

describe('philox — the generator', () => {
  // Known answers of Random123, tests/kat_vectors, philox4x32 with 10 rounds.
  it.each<[PhiloxCounter, PhiloxKey, PhiloxCounter]>([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('answers %j with key %j', (counter, key, want) => {
    expect(philox(counter, key)).toEqual(want);
  });
});

describe('philox — noise', () => {
  it('is that of torch on CUDA with seed 0', () => {
    const want = [
      [-0.92466259, -0.42534415, -2.6438457, 0.14518388],
      [-0.12086647, -0.57972564, -0.62285122, -0.32838709],
      [-1.07454231, -0.36314407, -1.67105067, 2.26550497],
    ].flat();
    const got = createGenerator(0, 'philox').randn([3, 4]);
    for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 6);
  });

  it('goes on with another draw, and counts all of a seed', () => {
    const generator = createGenerator(7, 'philox');
    const first = generator.randn(64);
    expect(generator.randn(64)).not.toEqual(first);
    expect(createGenerator(7 + 2 ** 32, 'philox').randn(64)).not.toEqual(first);
  });

  it('is the same for a picture alone and in a batch', () => {
    const batch = createBatchNoise([11, 12], 64, 'philox');
    batch();
    const alone = createGenerator(12, 'philox');
    alone.randn(64);
    expect(batch().subarray(64)).toEqual(alone.randn(64));
  });
});
