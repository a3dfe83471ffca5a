import { describe, expect, it } from 'vitest';
import type { Picture } from '#shared/image/picture.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { peakSignalToNoise, structuralSimilarity } from '../../../benchmarks/picture-distance.ts';

const SIDE = 16;

/** Stripes, brighter by `more`. */
function stripes(more = 0): Picture {
  const data = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (Math.floor(i / 3) % 4 < 2 ? 60 : 160) + more);
  return tensor('u8', [SIDE, SIDE, 3], data);
}

describe('picture distance', () => {
  it('equal pictures are alike in full', () => {
    expect(structuralSimilarity(stripes(), stripes())).toBeCloseTo(1, 10);
    expect(peakSignalToNoise(stripes().data, stripes().data)).toBe(Number.POSITIVE_INFINITY);
  });

  it('a brighter one keeps its structure, and the distance of its levels', () => {
    expect(structuralSimilarity(stripes(), stripes(10))).toBeGreaterThan(0.98);
    expect(peakSignalToNoise(stripes().data, stripes(10).data)).toBeCloseTo(20 * Math.log10(25.5), 6);
  });

  it('a flat one of the same mean has none of it', () => {
    const flat = tensor('u8', [SIDE, SIDE, 3], new Uint8Array(SIDE * SIDE * 3).fill(110));
    expect(structuralSimilarity(stripes(), flat)).toBeLessThan(0.1);
  });
});
