import { describe, expect, it } from 'vitest';
import { pairFactors } from '#shared/session/factors.ts';
import { f32 } from '#shared/tensor/tensor.ts';

const shapes = new Map([
  ['conv.weight', [4, 2, 3, 3]],
  ['linear.weight', [4, 2]],
]);

const linear = { 'linear.weight.up': f32([4, 1]), 'linear.weight.down': f32([1, 2]) };
const conv = { 'conv.weight.up': f32([4, 8]), 'conv.weight.down': f32([8, 18]) };

describe('factors — held against the weights', () => {
  it('are paired in the order of the weights, whatever order they came in', () => {
    const pairs = pairFactors({ ...linear, ...conv }, shapes);
    expect(pairs.map(({ weight }) => weight)).toEqual(['conv.weight', 'linear.weight']);
    expect(pairs[0]!.factors!.down.shape).toEqual([8, 18]);
  });

  it.each([
    ['an unknown weight', { 'mid.weight.up': f32([1, 1]), 'mid.weight.down': f32([1, 1]) }, 'no such weight'],
    ['half a pair', { 'linear.weight.up': f32([4, 1]) }, 'factor down is missing'],
    ['a wrong output size', { ...linear, 'linear.weight.up': f32([5, 1]) }, '[5, 1]'],
    ['a wrong input size', { ...conv, 'conv.weight.down': f32([8, 2]) }, '[4, 18]'],
    ['two ranks', { ...linear, 'linear.weight.up': f32([4, 2]) }, '[4, 2]'],
    ['another name', { 'linear.weight.alpha': f32([1]) }, '.up or .down'],
    [
      'another dtype',
      { ...linear, 'linear.weight.up': { dtype: 'f16' as const, shape: [4, 1], data: new Uint16Array(4) } },
      'f32 is needed',
    ],
  ])('refuses %s', (_, factors, says) => {
    expect(() => pairFactors(factors, shapes)).toThrow(
      expect.objectContaining({ code: 'LORA_MISMATCH', message: expect.stringContaining(says) }),
    );
  });
});
