/** Operators that combine elements: products, convolution, attention, normalisation. */
import type { GraphBuilder } from '../builder.ts';
import type { Value } from '../value.ts';

/**
 * x · weightᵀ + bias.
 *
 * x        f32 [N, I]
 * weight   f32 [O, I], the layout of checkpoints
 * bias     f32 [O]
 * returns  f32 [N, O]
 */
export function gemm(g: GraphBuilder, x: Value, weight: Value, bias?: Value): Value {
  const [rows, features] = x.shape;
  if (features !== weight.shape[1])
    throw g.wrongShape('the width is not the weight’s', { x: x.shape, weight: weight.shape });
  const inputs = bias ? [x, weight, bias] : [x, weight];
  return g.op('Gemm', inputs, { dtype: 'f32', shape: [rows!, weight.shape[0]!] }, { transB: { int: 1 } });
}

/** Pixels added around a picture before a convolution. */
export interface Padding {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/**
 * x       f32 [B, I, H, W]
 * weight  f32 [O, I, K, K]
 * bias    f32 [O]
 */
export function conv(
  g: GraphBuilder,
  x: Value,
  parameters: { weight: Value; bias?: Value },
  { stride, padding }: { stride: number; padding: Padding },
): Value {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const [outChannels, inChannels, kernel] = parameters.weight.shape as [number, number, number];
  if (channels !== inChannels) throw g.wrongShape('the channels are not the weight’s', { x: x.shape, inChannels });
  const outHeight = Math.floor((height + padding.top + padding.bottom - kernel) / stride) + 1;
  const outWidth = Math.floor((width + padding.left + padding.right - kernel) / stride) + 1;
  const shape = [batch, outChannels, outHeight, outWidth];
  return g.op(
    'Conv',
    parameters.bias ? [x, parameters.weight, parameters.bias] : [x, parameters.weight],
    { dtype: 'f32', shape },
    {
      kernel_shape: { ints: [kernel, kernel] },
      strides: { ints: [stride, stride] },
      pads: { ints: [padding.top, padding.left, padding.bottom, padding.right] },
    },
  );
}

/**
 * Scaled dot-product attention over several heads.
 *
 * query        f32 [B, Q, C]
 * key, value   f32 [B, T, C]
 * isCausal     a query sees only the keys at its own place and before
 */
export function multiHeadAttention(
  g: GraphBuilder,
  { query, key, value }: { query: Value; key: Value; value: Value },
  { heads, isCausal }: { heads: number; isCausal: boolean },
): Value {
  if (query.shape[2]! % heads !== 0)
    throw g.wrongShape('the width does not divide into heads', { query: query.shape, heads });
  return g.op('MultiHeadAttention', [query, key, value], query, {
    num_heads: { int: heads },
    unidirectional: { int: isCausal ? 1 : 0 },
  });
}

/** Each channel of each sample to mean 0 and deviation 1, over everything behind the second axis. */
export function instanceNormalization(g: GraphBuilder, x: Value, epsilon: number): Value {
  const channels = x.shape[1]!;
  const ones = g.constant('f32', [channels], Array(channels).fill(1));
  const zeros = g.constant('f32', [channels], Array(channels).fill(0));
  return g.op('InstanceNormalization', [x, ones, zeros], x, { epsilon: { float: epsilon } });
}

/** Over the last axis, then times `weight` plus `bias`. */
export function layerNormalization(
  g: GraphBuilder,
  x: Value,
  { weight, bias }: { weight: Value; bias: Value },
  epsilon: number,
): Value {
  return g.op('LayerNormalization', [x, weight, bias], x, { axis: { int: -1 }, epsilon: { float: epsilon } });
}
