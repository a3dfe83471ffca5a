import { describe, expect, it } from 'vitest';
import { CONSTANT, FED, GraphBuilder, type WeightMode } from '#shared/graph/builder.ts';
import { add } from '#shared/graph/ops/elementwise.ts';
import type { WeightDType } from '#shared/tensor/weight.ts';
import { decodeModel } from './decode-model.ts';
import { AnyWeights } from './memory-weights.ts';

function graph(dtype: WeightDType = 'f32', weightMode: WeightMode = FED, taps: string[] = []): GraphBuilder {
  return new GraphBuilder({ name: 'test', source: new AnyWeights(dtype), weightMode, taps });
}

describe('graph builder — a model', () => {
  it('decodes to the nodes, ports and versions that were written', () => {
    const g = graph();
    const x = g.input('x', 'f32', [2, 3]);
    g.output('sum', add(g, x, g.constant('f32', [3], [1, 2, 3])));
    const model = decodeModel(g.build().bytes);
    expect(model).toMatchObject({
      irVersion: 10,
      opsets: { '': 20, 'com.microsoft': 1 },
      inputs: { x: [2, 3] },
      outputs: { sum: [2, 3] },
      nodes: [{ opType: 'Add', domain: '', inputs: ['x', 'constant.0'], outputs: ['sum'] }],
    });
    expect(model.initializers).toMatchObject([{ name: 'constant.0', dims: [3], dataType: 1 }]);
    expect([...new Float32Array(model.initializers[0]!.raw!.slice().buffer)]).toEqual([1, 2, 3]);
  });

  it('stores equal constants once', () => {
    const g = graph();
    expect(g.constant('i64', [2], [1, -1])).toBe(g.constant('i64', [2], [1, -1]));
    expect(g.constant('i64', [2], [1, -1])).not.toBe(g.constant('f32', [2], [1, -1]));
  });

  it('gives the second node of a kind in a scope a name of its own', () => {
    const g = graph();
    const x = g.input('x', 'f32', [1]);
    g.scope('down_blocks.0', () => g.output('y', add(g, add(g, x, x), x)));
    expect(decodeModel(g.build().bytes).nodes.map((node) => node.name)).toEqual([
      'down_blocks.0.Add',
      'down_blocks.0.Add_1',
    ]);
  });

  it('puts an inner value out only when asked for it', () => {
    for (const taps of [[], ['inner']]) {
      const g = graph('f32', FED, taps);
      const inner = add(g, g.input('x', 'f32', [1]), g.constant('f32', [], [1]));
      g.tap('inner', inner);
      g.output('y', add(g, inner, inner));
      const model = decodeModel(g.build().bytes);
      expect(Object.keys(model.outputs).sort()).toEqual([...taps, 'y']);
      expect(model.nodes[1]!.inputs).toEqual(model.nodes[0]!.outputs.concat(model.nodes[0]!.outputs));
    }
  });
});

describe('graph builder — a weight', () => {
  it('is asked for by its path in the module tree', () => {
    const g = graph();
    const weight = g.scope('mid_block', () =>
      g.scope('resnets.0', () => g.adaptableWeight('conv1.weight', [8, 4, 3, 3])),
    );
    expect(weight).toEqual({ name: 'mid_block.resnets.0.conv1.weight', dtype: 'f32', shape: [8, 4, 3, 3] });
  });

  it('that is fed becomes a graph input and is listed with its weight', () => {
    const g = graph('f16');
    g.adaptableWeight('proj.weight', [8, 4], [4, 8]);
    const built = g.build();
    expect(decodeModel(built.bytes).inputs).toEqual({ 'proj.weight[4:8]': [4, 4] });
    expect(built.inputs).toEqual([]);
    expect(built.fedWeights).toMatchObject([
      { input: 'proj.weight[4:8]', rows: [4, 8], shape: [4, 4], weight: { name: 'proj.weight', shape: [8, 4] } },
    ]);
  });

  it('that is constant names the bytes of its rows in the checkpoint’s own file', () => {
    const g = graph('f32', CONSTANT);
    g.adaptableWeight('proj.weight', [8, 4], [4, 8]);
    const built = g.build();
    expect(built.folder).toBe('/checkpoint');
    expect(decodeModel(built.bytes).initializers).toMatchObject([
      {
        dims: [4, 4],
        dataType: 1,
        location: 1,
        external: { location: 'model.safetensors', offset: '128', length: '64' },
      },
    ]);
  });

  it.each([
    ['f16', 10],
    ['bf16', 16],
    ['f64', 11],
  ] as const)('stored as %s is widened by one Cast, however often it is used', (dtype, dataType) => {
    const g = graph(dtype);
    const first = g.weight('norm.weight', [4], { viewedAs: [4, 1, 1] });
    expect(g.weight('norm.weight', [4], { viewedAs: [4, 1, 1] })).toBe(first);
    expect(first).toMatchObject({ dtype: 'f32', shape: [4, 1, 1] });
    const model = decodeModel(g.build().bytes);
    expect(model.initializers).toMatchObject([{ name: 'norm.weight as [4, 1, 1]', dims: [4, 1, 1], dataType }]);
    expect(model.nodes).toMatchObject([{ opType: 'Cast', inputs: ['norm.weight as [4, 1, 1]'] }]);
  });
});

describe('graph builder — shapes that do not go together', () => {
  it('fail while the graph is written, with the path of the module', () => {
    const g = graph();
    const [a, b] = [g.input('a', 'f32', [2, 3]), g.input('b', 'f32', [2, 4])];
    expect(() => g.scope('up_blocks.1', () => g.scope('resnets.0', () => add(g, a, b)))).toThrowError(
      expect.objectContaining({
        code: 'WRONG_SHAPE',
        message: expect.stringContaining('up_blocks.1.resnets.0'),
        details: { path: 'up_blocks.1.resnets.0', a: [2, 3], b: [2, 4] },
      }),
    );
  });
});
