import { describe, expect, it } from 'vitest';
import { MeshError } from '#shared/errors/errors.ts';
import { branchFactors } from '#shared/session/branch-factors.ts';
import type { Factors } from '#shared/session/factors.ts';
import { elementCount, f32, type Shape } from '#shared/tensor/tensor.ts';

const SHAPES: Readonly<Record<string, Shape>> = { linear: [2, 3], pointwise: [2, 3, 1, 1], wide: [2, 3, 3, 3] };

/** Factors of ones for a weight of two outputs and three inputs. */
function pair(weight: string, rank: number): Factors {
  const ones = (count: number): Float32Array<ArrayBuffer> => new Float32Array(count).fill(1);
  const shape = SHAPES[weight]!;
  const columns = elementCount(shape.slice(1));
  const factors = { up: f32([2, rank], ones(2 * rank)), down: f32([rank, columns], ones(rank * columns)) };
  return { weight, shape, factors, changes: [] };
}

describe('branch factors — room in the graph', () => {
  it.each([
    [1, 16],
    [16, 16],
    [17, 64],
    [128, 128],
    [200, 256],
  ])('rank %i gets branches of rank %i', (rank, padded) => {
    expect(branchFactors([pair('linear', rank)]).branches).toEqual({ rank: padded, hasKernels: false });
  });

  it('is filled with zeros: behind each row of up, and behind the rows of down', () => {
    const { arrays } = branchFactors([pair('linear', 2)]);
    const row = [1, 1, ...Array<number>(14).fill(0)];
    expect([...arrays.get('linear.up')!]).toEqual([...row, ...row]);
    expect([...arrays.get('linear.down')!]).toEqual([1, 1, 1, 1, 1, 1, ...Array<number>(42).fill(0)]);
  });

  it('is of one rank for all, and for wide convolutions only where one is changed', () => {
    const of = (...pairs: Factors[]) => branchFactors(pairs).branches;
    expect(of(pair('linear', 4), pair('pointwise', 32))).toEqual({ rank: 64, hasKernels: false });
    expect(of(pair('linear', 4), pair('wide', 4))).toEqual({ rank: 16, hasKernels: true });
  });

  it('ends at a rank: more is refused with the weight and what to do', () => {
    const act = () => branchFactors([pair('linear', 4), pair('wide', 257)]);
    expect(act).toThrow(MeshError);
    expect(act).toThrow(/rank 257 together at wide.*up to 256.*LATENTMESH_LORA_STRATEGY=fed/);
  });
});
