/**
 * The ONNX messages that a graph consists of, as plain objects, and their encoding.
 * Field numbers: https://github.com/onnx/onnx/blob/v1.16.0/onnx/onnx.proto
 */
import type { DType, Shape } from '#shared/tensor/tensor.ts';
import type { WeightLocation } from '#shared/tensor/weight.ts';
import { ProtoWriter } from './writer.ts';

/** An attribute of a node; the key says its ONNX type. */
export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] };

/** NodeProto */
export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  /** Empty for ai.onnx. */
  readonly domain: string;
  /** An empty name stands for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** TensorProto as an initializer: its bytes here, or where they lie outside the model. */
export interface OnnxTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: Uint8Array | WeightLocation;
}

/** ValueInfoProto: an input or output of the graph. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** ModelProto with its GraphProto. */
export interface OnnxModel {
  readonly name: string;
  readonly irVersion: number;
  /** Version by domain; the empty domain is ai.onnx. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

const FIELD = {
  model: { irVersion: 1, producerName: 2, graph: 7, opsetImport: 8 },
  opset: { domain: 1, version: 2 },
  graph: { node: 1, name: 2, initializer: 5, input: 11, output: 12 },
  node: { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7 },
  attribute: { name: 1, float: 2, int: 3, string: 4, ints: 8, type: 20 },
  tensor: { dims: 1, dataType: 2, name: 8, rawData: 9, externalData: 13, dataLocation: 14 },
  entry: { key: 1, value: 2 },
  valueInfo: { name: 1, type: 2 },
  type: { tensor: 1 },
  tensorType: { elementType: 1, shape: 2 },
  shape: { dim: 1 },
  dim: { value: 1 },
} as const;

const ATTRIBUTE_TYPE = { float: 1, int: 2, string: 3, ints: 7 } as const;

const DATA_TYPE: Readonly<Record<DType, number>> = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  u32: 12,
  bf16: 16,
};

const DATA_LOCATION_EXTERNAL = 1;

/** The number that ONNX gives a dtype: what a Cast names as its target. */
export function onnxDataType(dtype: DType): number {
  return DATA_TYPE[dtype];
}

/** The bytes of a ModelProto. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const writer = new ProtoWriter();
  writer.int(FIELD.model.irVersion, model.irVersion);
  writer.string(FIELD.model.producerName, 'latentmesh');
  for (const [domain, version] of Object.entries(model.opsets)) {
    writer.message(FIELD.model.opsetImport, () => {
      writer.string(FIELD.opset.domain, domain);
      writer.int(FIELD.opset.version, version);
    });
  }
  writer.message(FIELD.model.graph, () => writeGraph(writer, model));
  return writer.finish();
}

function writeGraph(writer: ProtoWriter, model: OnnxModel): void {
  writer.string(FIELD.graph.name, model.name);
  for (const node of model.nodes) writer.message(FIELD.graph.node, () => writeNode(writer, node));
  for (const tensor of model.initializers) {
    writer.message(FIELD.graph.initializer, () => writeTensor(writer, tensor));
  }
  for (const input of model.inputs) writer.message(FIELD.graph.input, () => writeValueInfo(writer, input));
  for (const output of model.outputs) writer.message(FIELD.graph.output, () => writeValueInfo(writer, output));
}

function writeNode(writer: ProtoWriter, node: OnnxNode): void {
  for (const input of node.inputs) writer.string(FIELD.node.input, input);
  for (const output of node.outputs) writer.string(FIELD.node.output, output);
  writer.string(FIELD.node.name, node.name);
  writer.string(FIELD.node.opType, node.opType);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    writer.message(FIELD.node.attribute, () => writeAttribute(writer, name, attribute));
  }
  if (node.domain) writer.string(FIELD.node.domain, node.domain);
}

function writeAttribute(writer: ProtoWriter, name: string, attribute: OnnxAttribute): void {
  writer.string(FIELD.attribute.name, name);
  if ('int' in attribute) {
    writer.int(FIELD.attribute.int, attribute.int);
    writer.int(FIELD.attribute.type, ATTRIBUTE_TYPE.int);
  } else if ('float' in attribute) {
    writer.float(FIELD.attribute.float, attribute.float);
    writer.int(FIELD.attribute.type, ATTRIBUTE_TYPE.float);
  } else if ('string' in attribute) {
    writer.string(FIELD.attribute.string, attribute.string);
    writer.int(FIELD.attribute.type, ATTRIBUTE_TYPE.string);
  } else {
    writer.ints(FIELD.attribute.ints, attribute.ints);
    writer.int(FIELD.attribute.type, ATTRIBUTE_TYPE.ints);
  }
}

function writeTensor(writer: ProtoWriter, tensor: OnnxTensor): void {
  writer.ints(FIELD.tensor.dims, tensor.shape);
  writer.int(FIELD.tensor.dataType, DATA_TYPE[tensor.dtype]);
  writer.string(FIELD.tensor.name, tensor.name);
  if (tensor.data instanceof Uint8Array) {
    writer.bytes(FIELD.tensor.rawData, tensor.data);
    return;
  }
  const { file, offset, length } = tensor.data;
  for (const [key, value] of Object.entries({ location: file, offset: String(offset), length: String(length) })) {
    writer.message(FIELD.tensor.externalData, () => {
      writer.string(FIELD.entry.key, key);
      writer.string(FIELD.entry.value, value);
    });
  }
  writer.int(FIELD.tensor.dataLocation, DATA_LOCATION_EXTERNAL);
}

function writeValueInfo(writer: ProtoWriter, value: OnnxValueInfo): void {
  writer.string(FIELD.valueInfo.name, value.name);
  writer.message(FIELD.valueInfo.type, () =>
    writer.message(FIELD.type.tensor, () => {
      writer.int(FIELD.tensorType.elementType, DATA_TYPE[value.dtype]);
      writer.message(FIELD.tensorType.shape, () => {
        for (const size of value.shape) {
          writer.message(FIELD.shape.dim, () => writer.int(FIELD.dim.value, size));
        }
      });
    }),
  );
}
