/** What flows between the nodes of a graph. */
import type { DType, Shape } from '#shared/tensor/tensor.ts';
import type { OnnxAttribute } from './protobuf/onnx.ts';

/** What is known of a value before the graph runs. Shapes are static. */
export interface ValueType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A value in the graph: an input, a weight, a constant or what a node puts out. */
export interface Value extends ValueType {
  readonly name: string;
}

/** Attributes of a node by name. */
export type Attributes = Readonly<Record<string, OnnxAttribute>>;
