import { describe, expect, it } from 'vitest';
import { FED, GraphBuilder } from '#shared/graph/builder.ts';
import { add } from '#shared/graph/ops/elementwise.ts';
import { concat, gather, reshape, resizeNearest, split, transpose } from '#shared/graph/ops/layout.ts';
import type { Value } from '#shared/graph/value.ts';
import { elementCount, f32, type Shape, type Tensor } from '#shared/tensor/tensor.ts';
import { runGraph } from '#test/golden/graph/run-graph.ts';
import { AnyWeights } from '../memory-weights.ts';

/** 0, 1, 2, … */
function counted(shape: Shape): Tensor<'f32'> {
  return f32(
    shape,
    Float32Array.from({ length: elementCount(shape) }, (_, i) => i),
  );
}

/** Runs one operator on counted numbers; the shape that was foreseen must be the one that comes out. */
async function run(shape: Shape, operator: (g: GraphBuilder, x: Value) => Value): Promise<number[]> {
  const g = new GraphBuilder({ name: 'operator', source: new AnyWeights(), weightMode: FED });
  const y = operator(g, g.input('x', 'f32', shape));
  g.output('y', y);
  const result = (await runGraph(g.build(), { x: counted(shape) })).y!;
  expect(result.shape).toEqual(y.shape);
  return [...(result.data as Float32Array)];
}

describe('operators — on onnxruntime', () => {
  it.each([
    [3, 6],
    [3, 5],
    [5, 9],
    [4, 4],
  ])('nearest-neighbour resizing from %d to %d takes the pixel at ⌊i · in / out⌋', async (from, to) => {
    const got = await run([1, 1, 1, from], (g, x) => resizeNearest(g, x, [1, to]));
    expect(got).toEqual(Array.from({ length: to }, (_, i) => Math.floor((i * from) / to)));
  });

  it('a transpose moves axes to the places named', async () => {
    expect(await run([1, 2, 3], (g, x) => transpose(g, x, [0, 2, 1]))).toEqual([0, 3, 1, 4, 2, 5]);
  });

  it('a split and a join in the other order swap halves', async () => {
    const swapped = await run([1, 4], (g, x) => {
      const [left, right] = split(g, x, 1, 2) as [Value, Value];
      return concat(g, [right, left], 1);
    });
    expect(swapped).toEqual([2, 3, 0, 1]);
  });

  it('gather picks along an axis', async () => {
    expect(await run([2, 3], (g, x) => gather(g, x, g.constant('i64', [2], [2, 0]), 1))).toEqual([2, 0, 5, 3]);
  });

  it('addition broadcasts missing and single axes', async () => {
    expect(await run([2, 1], (g, x) => add(g, x, g.constant('f32', [3], [0, 10, 20])))).toEqual([0, 10, 20, 1, 11, 21]);
  });
});

describe('operators — refuse while the graph is written', () => {
  const refusals: [string, (g: GraphBuilder, x: Value) => Value | Value[]][] = [
    ['a reshape to another number of elements', (g, x) => reshape(g, x, [5])],
    ['a split that leaves a rest', (g, x) => split(g, x, 1, 2)],
    ['a join of different heights', (g, x) => concat(g, [x, g.input('other', 'f32', [1, 3])], 1)],
    ['a sum of 3 and 4 columns', (g, x) => add(g, x, g.input('other', 'f32', [2, 4]))],
  ];

  it.each(refusals)('%s', (_, operator) => {
    const g = new GraphBuilder({ name: 'operator', source: new AnyWeights(), weightMode: FED });
    const x = g.input('x', 'f32', [2, 3]);
    expect(() => operator(g, x)).toThrowError(expect.objectContaining({ code: 'WRONG_SHAPE' }));
  });
});
