import { describe, expect, it } from 'vitest';
import { enlargeLatents } from '#shared/diffusion/enlarge.ts';
import { f32 } from '#shared/tensor/tensor.ts';

const SMALL = f32([1, 1, 2, 3], Float32Array.of(1, 2, 4, 8, 16, 32));

describe('enlarge — latents to 3 × 5, as torch.nn.functional.interpolate does it', () => {
  it.each([
    ['nearest', [1, 1, 2, 2, 4, 1, 1, 2, 2, 4, 8, 8, 16, 16, 32]],
    ['bilinear', [1, 1.4, 2, 3.2, 4, 4.5, 6.3, 9, 14.4, 18, 8, 11.2, 16, 25.6, 32]],
    [
      'bicubic',
      [
        ...[0.35469, 0.4881, 0.78472, 1.29322, 1.64478],
        ...[4.068, 5.598, 9, 14.832, 18.864],
        ...[7.78131, 10.70791, 17.21528, 28.37078, 36.08322],
      ],
    ],
  ] as const)('%s', (mode, want) => {
    const { shape, data } = enlargeLatents(SMALL, 3, 5, mode);
    expect(shape).toEqual([1, 1, 3, 5]);
    want.forEach((value, i) => void expect(data[i]).toBeCloseTo(value, 4));
  });

  it('each plane of each picture by itself', () => {
    const two = f32([2, 1, 1, 1], Float32Array.of(3, 7));
    expect([...enlargeLatents(two, 1, 2, 'bilinear').data]).toEqual([3, 3, 7, 7]);
  });
});
