/** Operators that move elements without changing them. */
import { elementCount, type Shape } from '#shared/tensor/tensor.ts';
import type { GraphBuilder } from '../builder.ts';
import type { Value } from '../value.ts';

/** The same elements in another shape. @throws MeshError WRONG_SHAPE when they do not fill it. */
export function reshape(g: GraphBuilder, x: Value, shape: Shape): Value {
  if (elementCount(shape) !== elementCount(x.shape)) {
    throw g.wrongShape('a reshape cannot change the number of elements', { from: x.shape, to: shape });
  }
  return g.op('Reshape', [x, g.constant('i64', [shape.length], shape)], { dtype: x.dtype, shape });
}

/** Axis i of the result is axis `order[i]` of `x`. */
export function transpose(g: GraphBuilder, x: Value, order: readonly number[]): Value {
  const shape = order.map((axis) => x.shape[axis]!);
  return g.op('Transpose', [x], { dtype: x.dtype, shape }, { perm: { ints: order } });
}

/** Joins along an axis. @throws MeshError WRONG_SHAPE when another axis differs. */
export function concat(g: GraphBuilder, parts: readonly Value[], axis: number): Value {
  const first = parts[0]!;
  for (const part of parts) {
    const fits = part.shape.every((size, i) => i === axis || size === first.shape[i]);
    if (!fits)
      throw g.wrongShape(`joined along axis ${axis} the other axes must agree`, { a: first.shape, b: part.shape });
  }
  const shape = first.shape.with(
    axis,
    parts.reduce((sum, part) => sum + part.shape[axis]!, 0),
  );
  return g.op('Concat', parts, { dtype: first.dtype, shape }, { axis: { int: axis } });
}

/** `count` equal parts along an axis. */
export function split(g: GraphBuilder, x: Value, axis: number, count: number): Value[] {
  const size = x.shape[axis]!;
  if (size % count !== 0) throw g.wrongShape(`axis ${axis} does not split into equal parts`, { x: x.shape, count });
  const part = { dtype: x.dtype, shape: x.shape.with(axis, size / count) };
  return g.node('Split', [x], Array(count).fill(part), { axis: { int: axis }, num_outputs: { int: count } });
}

/** Picks entries along an axis; the shape of `indices` takes the place of the axis. */
export function gather(g: GraphBuilder, x: Value, indices: Value, axis = 0): Value {
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return g.op('Gather', [x, indices], { dtype: x.dtype, shape }, { axis: { int: axis } });
}

/** Index of the largest entry along the last axis, the first of equals. */
export function argMax(g: GraphBuilder, x: Value): Value {
  const shape = x.shape.slice(0, -1);
  return g.op('ArgMax', [x], { dtype: 'i64', shape }, { axis: { int: shape.length }, keepdims: { int: 0 } });
}

/**
 * Nearest-neighbour resizing of the last two axes: out[i] = x[⌊i · in / out⌋], as torch does it.
 *
 * x         f32 [B, C, H, W]
 * returns   f32 [B, C, size[0], size[1]]
 */
export function resizeNearest(g: GraphBuilder, x: Value, size: readonly [number, number]): Value {
  const shape = [x.shape[0]!, x.shape[1]!, ...size];
  const factors = shape.map((length, axis) => length / x.shape[axis]!);
  // Whole factors are given as such: only then does onnxruntime keep its blocked layout across the operator.
  const isWhole = factors.every(Number.isInteger);
  const scales = isWhole ? g.constant('f32', [4], factors) : undefined;
  const sizes = isWhole ? undefined : g.constant('i64', [4], shape);
  const inputs = [x, undefined, scales, ...(sizes ? [sizes] : [])];
  return g.op(
    'Resize',
    inputs,
    { dtype: x.dtype, shape },
    {
      mode: { string: 'nearest' },
      coordinate_transformation_mode: { string: 'asymmetric' },
      nearest_mode: { string: 'floor' },
    },
  );
}

/** The same value under a name of its own: a graph puts nothing out twice. */
export function identity(g: GraphBuilder, x: Value): Value {
  return g.op('Identity', [x], x);
}
