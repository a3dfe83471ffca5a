import { describe, expect, it } from 'vitest';
import { isControlled } from '#shared/diffusion/control-window.ts';

const used = (start: number, end: number, calls: number): number[] =>
  Array.from({ length: calls }, (_, call) => call).filter((call) => isControlled({ start, end }, call, calls));

describe('control window', () => {
  it('is the whole run by default', () => {
    expect(used(0, 1, 4)).toEqual([0, 1, 2, 3]);
  });

  it('takes calls that lie wholly inside', () => {
    expect(used(0.25, 0.75, 4)).toEqual([1, 2]);
    expect(used(0.3, 0.7, 4)).toEqual([]);
    expect(used(0.1, 0.8, 10)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  it('can be empty', () => {
    expect(used(0.5, 0.5, 4)).toEqual([]);
  });
});
