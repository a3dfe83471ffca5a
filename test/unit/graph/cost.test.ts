import { describe, expect, it } from 'vitest';
import { FED, GraphBuilder } from '#shared/graph/builder.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import { attention, UNET_ATTENTION } from '#shared/graph/nn/attention.ts';
import { conv2d } from '#shared/graph/nn/conv.ts';
import { linear } from '#shared/graph/nn/linear.ts';
import { add, silu } from '#shared/graph/ops/elementwise.ts';
import { reshape, transpose } from '#shared/graph/ops/layout.ts';
import { AnyWeights } from './memory-weights.ts';
import { UNET } from './stable-diffusion-15.ts';

const graph = (): GraphBuilder => new GraphBuilder({ name: 'test', source: new AnyWeights(), weightMode: FED });

describe('graph cost — operations', () => {
  it('of a convolution are two for each output, input channel and place of the kernel', () => {
    const g = graph();
    g.output('y', conv2d(g, g.input('x', 'f32', [2, 3, 8, 6]), 'conv', { channels: 5 }));
    expect(g.build().cost.flops).toBe(2 * (2 * 5 * 8 * 6) * (3 * 9));
  });

  it('of a linear layer are two for each output and input', () => {
    const g = graph();
    g.output('y', linear(g, g.input('x', 'f32', [2, 7, 3]), 'linear', { features: 5 }));
    expect(g.build().cost.flops).toBe(2 * (2 * 7 * 5) * 3);
  });

  it('of attention are four for each query, key and feature, beside its projections', () => {
    const g = graph();
    const [x, context] = [g.input('x', 'f32', [1, 10, 8]), g.input('context', 'f32', [1, 7, 6])];
    g.output('y', attention(g, x, 'attn', { names: UNET_ATTENTION, heads: 2, context }));
    const projections = 2 * (10 * 8 * 8 + 7 * 8 * 6 + 7 * 8 * 6 + 10 * 8 * 8);
    expect(g.build().cost.flops).toBe(projections + 4 * 10 * 7 * 8);
  });

  it('of Stable Diffusion 1.5 at 512 × 512 are 803 billion', () => {
    const size = { batch: 1, height: 64, width: 64, tokens: 77 };
    const source = new AnyWeights();
    const halves = [unetDown(UNET, source, size), unetUp(UNET, source, size, { hasResiduals: false })];
    const flops = halves.reduce((sum, half) => sum + half.cost.flops, 0);
    expect(Math.round(flops / 1e9)).toBe(803);
  });
});

describe('graph cost — memory', () => {
  const BYTES = 4 * 100;

  it('counts what is fed and what is put out', () => {
    const g = graph();
    const x = g.input('x', 'f32', [100]);
    g.output('y', add(g, x, x));
    expect(g.build().cost.activationBytes).toBe(2 * BYTES);
  });

  it('frees a value after its last use', () => {
    const g = graph();
    let x = g.input('x', 'f32', [10, 10]);
    for (let i = 0; i < 8; i++) x = transpose(g, x, [1, 0]);
    g.output('y', x);
    expect(g.build().cost.activationBytes).toBe(3 * BYTES);
  });

  it('keeps a value that is needed later', () => {
    const g = graph();
    const x = g.input('x', 'f32', [10, 10]);
    const early = transpose(g, x, [1, 0]);
    const late = transpose(g, transpose(g, early, [1, 0]), [1, 0]);
    g.output('y', add(g, early, late));
    expect(g.build().cost.activationBytes).toBe(4 * BYTES);
  });

  it('moves nothing for a reshape, and writes over what nobody reads any more', () => {
    const g = graph();
    const x = transpose(g, g.input('x', 'f32', [10, 10]), [1, 0]);
    const shifted = add(g, reshape(g, x, [100]), g.constant('f32', [], [1]));
    g.output('y', silu(g, shifted));
    // Fed, the transposed one, and the sigmoid beside the value that it is multiplied with.
    expect(g.build().cost.activationBytes).toBe(3 * BYTES);
  });
});
