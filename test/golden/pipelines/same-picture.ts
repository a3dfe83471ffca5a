/** What "the same picture" means: no pixel value off by more than one level, and at most one in a thousand off at all. */
import { expect } from 'vitest';
import { showShape, type Tensor } from '#shared/tensor/tensor.ts';

const MAX_LEVELS = 1;
const MAX_SHARE_OFF = 0.001;

/** got, want   u8 [B, H, W, 3] */
export function expectSamePicture(got: Tensor<'u8'>, want: Tensor<'u8'>): void {
  expect(showShape(got.shape)).toBe(showShape(want.shape));
  const levels = want.data.map((value, i) => Math.abs(value - got.data[i]!));
  const off = levels.filter((level) => level > 0).length;
  expect(
    levels.reduce((a, b) => Math.max(a, b), 0),
    'largest difference in levels',
  ).toBeLessThanOrEqual(MAX_LEVELS);
  expect(off / levels.length, 'share of values that differ').toBeLessThanOrEqual(MAX_SHARE_OFF);
}
