/** Operators that work on each element alone, with numpy's broadcasting. */
import type { DType, Shape } from '#shared/tensor/tensor.ts';
import type { GraphBuilder } from '../builder.ts';
import { onnxDataType } from '../protobuf/onnx.ts';
import type { Value } from '../value.ts';

/** @throws MeshError WRONG_SHAPE when the shapes do not broadcast. */
export function add(g: GraphBuilder, a: Value, b: Value): Value {
  return g.op('Add', [a, b], { dtype: a.dtype, shape: broadcast(g, a.shape, b.shape) });
}

/** @throws MeshError WRONG_SHAPE when the shapes do not broadcast. */
export function mul(g: GraphBuilder, a: Value, b: Value): Value {
  return g.op('Mul', [a, b], { dtype: a.dtype, shape: broadcast(g, a.shape, b.shape) });
}

/** Multiplies by a number. */
export function scale(g: GraphBuilder, x: Value, factor: number): Value {
  return mul(g, x, g.constant('f32', [], [factor]));
}

/** 1 / (1 + e⁻ˣ) */
export function sigmoid(g: GraphBuilder, x: Value): Value {
  return g.op('Sigmoid', [x], x);
}

/** x · sigmoid(x), which onnxruntime fuses. */
export function silu(g: GraphBuilder, x: Value): Value {
  return mul(g, x, sigmoid(g, x));
}

/** x · Φ(x) with the exact error function. */
export function gelu(g: GraphBuilder, x: Value): Value {
  return g.op('Gelu', [x], x, { approximate: { string: 'none' } });
}

/** x · sigmoid(1.702 x): https://github.com/openai/CLIP/blob/a1d071733d7111c9c014f024669f959182114e33/clip/model.py#L166-L168 */
export function quickGelu(g: GraphBuilder, x: Value): Value {
  return g.op('QuickGelu', [x], x, { alpha: { float: 1.702 } });
}

/** Adds a number. */
export function shift(g: GraphBuilder, x: Value, summand: number): Value {
  return add(g, x, g.constant('f32', [], [summand]));
}

/** max(x, 0) */
export function relu(g: GraphBuilder, x: Value): Value {
  return g.op('Relu', [x], x);
}

/** Between −1 and 1. */
export function tanh(g: GraphBuilder, x: Value): Value {
  return g.op('Tanh', [x], x);
}

/** Of an angle in radians. */
export function sin(g: GraphBuilder, x: Value): Value {
  return g.op('Sin', [x], x);
}

/** Of an angle in radians. */
export function cos(g: GraphBuilder, x: Value): Value {
  return g.op('Cos', [x], x);
}

/** Cuts to the range, ends included. */
export function clip(g: GraphBuilder, x: Value, range: readonly [number, number]): Value {
  const [low, high] = range.map((limit) => g.constant('f32', [], [limit]));
  return g.op('Clip', [x, low, high], x);
}

/** Widens f16, bf16 or integers; f32 stays as it is. */
export function toF32(g: GraphBuilder, x: Value): Value {
  return x.dtype === 'f32' ? x : cast(g, x, 'f32');
}

/** i32 1 where an entry equals `number`, else 0. */
export function equal(g: GraphBuilder, x: Value, number: number): Value {
  const isEqual = g.op('Equal', [x, g.constant('i32', [], [number])], { dtype: 'bool', shape: x.shape });
  return cast(g, isEqual, 'i32');
}

function cast(g: GraphBuilder, x: Value, dtype: DType): Value {
  return g.op('Cast', [x], { dtype, shape: x.shape }, { to: { int: onnxDataType(dtype) } });
}

function broadcast(g: GraphBuilder, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) throw g.wrongShape('the shapes do not go together', { a, b });
    return left === 1 ? right : left;
  });
}
