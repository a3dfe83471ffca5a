import { describe, expect, it } from 'vitest';
import type { MeshError } from '#shared/errors/errors.ts';
import { f32, type TensorMap } from '#shared/tensor/tensor.ts';
import { sumResiduals, withZeroUnconditional } from '../../../services/denoiser/residuals.ts';

/** Residuals of one ControlNet: two, with the given value everywhere. */
function residuals(value: number): TensorMap {
  return {
    residual_00: f32([1, 2, 2, 2], new Float32Array(8).fill(value)),
    residual_mid: f32([1, 4, 1, 1], new Float32Array(4).fill(value * 10)),
  };
}

function refused(all: TensorMap[]): MeshError {
  try {
    sumResiduals(all);
  } catch (error) {
    return error as MeshError;
  }
  throw new Error('was accepted');
}

describe('residuals — of several ControlNets', () => {
  it('are summed, not averaged', () => {
    const sum = sumResiduals([residuals(1), residuals(2), residuals(4)])!;
    expect(sum.residual_00!.data).toEqual(new Float32Array(8).fill(7));
    expect(sum.residual_mid!.data).toEqual(new Float32Array(4).fill(70));
  });

  it('of one are its own, of none are none', () => {
    const only = residuals(3);
    expect(sumResiduals([only])).toBe(only);
    expect(sumResiduals([])).toBeUndefined();
  });

  it('of another shape are refused, by their name', () => {
    const other = { ...residuals(1), residual_mid: f32([1, 4, 2, 1]) };
    const error = refused([residuals(1), other]);
    expect(error).toMatchObject({ code: 'WRONG_SHAPE', details: { name: 'residual_mid' } });
    expect(error.message).toContain('[1, 4, 1, 1] and [1, 4, 2, 1]');
  });

  it.each<[string, TensorMap]>([
    ['fewer', { residual_00: residuals(1).residual_00! }],
    ['more', { ...residuals(1), residual_01: f32([1]) }],
    ['others', { residual_00: residuals(1).residual_00!, residual_01: f32([1]) }],
  ])('of %s names are refused, whichever comes first', (_, other) => {
    expect(refused([residuals(1), other]).code).toBe('WRONG_SHAPE');
    expect(refused([other, residuals(1)]).code).toBe('WRONG_SHAPE');
  });
});

describe('residuals — guess mode', () => {
  it('the unconditional half, which comes first, gets zeros', () => {
    const both = withZeroUnconditional({ residual_mid: f32([2, 1, 1, 2], Float32Array.of(1, 2, 3, 4)) });
    expect(both).toEqual({ residual_mid: f32([4, 1, 1, 2], Float32Array.of(0, 0, 0, 0, 1, 2, 3, 4)) });
  });
});
