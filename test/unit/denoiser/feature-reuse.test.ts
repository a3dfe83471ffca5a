import { describe, expect, it } from 'vitest';
import type { WeightSet } from '#shared/session/device.ts';
import { FeatureReuse } from '../../../services/denoiser/feature-reuse.ts';

const [BASE, PATCHED] = ['base', 'patched'].map((id) => ({ id }) as WeightSet) as [WeightSet, WeightSet];

/** Which of the calls are whole, as a denoiser makes them. */
function wholeCalls(interval: number, weights: readonly WeightSet[], { from = 0, start = 0, end = 1 } = {}): number[] {
  const cache = { cache_interval: interval, cache_branch_id: 0, cache_start: start, cache_end: end };
  const reuse = new FeatureReuse(cache, weights.length);
  const whole: number[] = [];
  for (let index = from; index < weights.length; index++) {
    const call = { index, weights: weights[index]! };
    if (reuse.isShallow(call)) continue;
    reuse.remember(call, false);
    whole.push(index);
  }
  return whole;
}

describe('feature reuse — which calls are whole', () => {
  it('every third, the first included', () => {
    expect(wholeCalls(3, Array(8).fill(BASE))).toEqual([0, 3, 6]);
  });

  it('all before cache_start and after cache_end; inside, every third from the last one before', () => {
    const weights = Array<WeightSet>(20).fill(BASE);
    expect(wholeCalls(3, weights, { start: 0.2 })).toEqual([0, 1, 2, 3, 6, 9, 12, 15, 18]);
    expect(wholeCalls(3, weights, { start: 0.2, end: 0.6 })).toEqual([
      0, 1, 2, 3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19,
    ]);
    expect(wholeCalls(3, weights, { start: 0.2, from: 9 })).toEqual([9, 12, 15, 18]);
  });

  it('the first with other weights as well; the rhythm stays', () => {
    expect(wholeCalls(3, [BASE, BASE, PATCHED, PATCHED, PATCHED, PATCHED, PATCHED])).toEqual([0, 2, 3, 6]);
  });

  it('a run that goes on at a whole call makes the same ones', () => {
    const weights = [BASE, ...Array<WeightSet>(9).fill(PATCHED)];
    const all = wholeCalls(4, weights);
    expect(wholeCalls(4, weights, { from: 4 })).toEqual(all.filter((index) => index >= 4));
  });

  it('a model that comes in later begins with a whole one', () => {
    expect(wholeCalls(4, Array(9).fill(BASE), { from: 2 })).toEqual([2, 4, 8]);
  });
});
