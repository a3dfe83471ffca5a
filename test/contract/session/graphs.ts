/** Small graphs whose results are whole numbers, so that they can be compared exactly. */
import { CONSTANT, FED, GraphBuilder, type Rows, type WeightMode } from '#shared/graph/builder.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import { gemm } from '#shared/graph/ops/dense.ts';
import { onnxDataType } from '#shared/graph/protobuf/onnx.ts';
import { f32, type Shape, type Tensor } from '#shared/tensor/tensor.ts';
import type { WeightSource } from '#shared/tensor/weight.ts';

interface LinearOptions {
  readonly rows?: Rows;
  readonly mode?: WeightMode;
  readonly samples?: number;
}

/** `y = x · weightᵀ`: x [samples, I], the weight `<name>` [O, I] of the source. */
export function linear(
  source: WeightSource,
  name: string,
  { rows, mode = FED, samples = 1 }: LinearOptions = {},
): GraphModel {
  const g = new GraphBuilder({ name: `linear ${name}`, source, weightMode: mode });
  const { shape } = source.get(name, []);
  const x = g.input('x', 'f32', [samples, shape[1]!]);
  g.output('y', gemm(g, x, g.adaptableWeight(name, shape, rows)));
  return g.build();
}

/** The weight as a part of the graph, read from the file by onnxruntime itself. */
export function constantLinear(source: WeightSource, name: string): GraphModel {
  return linear(source, name, { mode: CONSTANT });
}

/** `sum = a + b`, `difference = a - b`: no weights. */
export function sumAndDifference(source: WeightSource, shape: Shape): GraphModel {
  const g = new GraphBuilder({ name: `sum ${shape.join('x')}`, source, weightMode: FED });
  const a = g.input('a', 'f32', shape);
  const b = g.input('b', 'f32', shape);
  g.output('sum', g.op('Add', [a, b], a));
  g.output('difference', g.op('Sub', [a, b], a));
  return g.build();
}

/** `floats = pixels + tokens`: u8 [n] and i64 [n] in, f32 [n] and i64 [n] out. */
export function integers(source: WeightSource, count: number): GraphModel {
  const g = new GraphBuilder({ name: 'integers', source, weightMode: FED });
  const shape = [count];
  const pixels = g.input('pixels', 'u8', shape);
  const tokens = g.input('tokens', 'i64', shape);
  const widened = g.op('Cast', [pixels], { dtype: 'i64', shape }, { to: { int: onnxDataType('i64') } });
  const sum = g.op('Add', [widened, tokens], { dtype: 'i64', shape });
  g.output('sum', sum);
  g.output('floats', g.op('Cast', [sum], { dtype: 'f32', shape }, { to: { int: onnxDataType('f32') } }));
  return g.build();
}

/** A run that takes tens of milliseconds: `y = x · x · x · x`, x [size, size]. */
export function slow(source: WeightSource, size = 1024): GraphModel {
  const g = new GraphBuilder({ name: 'slow', source, weightMode: FED });
  const x = g.input('x', 'f32', [size, size]);
  let y = x;
  for (let i = 0; i < 3; i++) y = g.op('MatMul', [y, x], x);
  g.output('y', y);
  return g.build();
}

export function vector(...values: number[]): Tensor<'f32'> {
  return f32([1, values.length], Float32Array.from(values));
}

export function zeros(size = 1024): Tensor<'f32'> {
  return f32([size, size]);
}
