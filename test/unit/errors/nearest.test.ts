import { describe, expect, it } from 'vitest';
import { editDistance, nearestNames } from '#shared/errors/nearest.ts';

describe('errors — nearest names', () => {
  it('puts the likeliest first, whatever the case', () => {
    expect(nearestNames('eular', ['LMS', 'Euler a', 'Euler'])).toEqual(['Euler', 'Euler a']);
  });

  it('finds a name by a part of it', () => {
    expect(nearestNames('detail', ['add-detail-xl-v2', 'watercolour'])).toEqual(['add-detail-xl-v2']);
  });

  it('offers nothing when nothing is near', () => {
    expect(nearestNames('qqqq', ['DDIM', 'Heun'])).toEqual([]);
    expect(nearestNames('', ['DDIM'])).toEqual([]);
  });

  it('offers no more than asked', () => {
    expect(nearestNames('lora-0', ['lora-1', 'lora-2', 'lora-3'], 2)).toEqual(['lora-1', 'lora-2']);
  });

  it('counts insertions, deletions and replacements', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('', 'abc')).toBe(3);
  });
});
