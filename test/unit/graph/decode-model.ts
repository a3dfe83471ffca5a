/** Reads a ModelProto with an independent protobuf reader, by field numbers written down here a second time. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** A message by field number: numbers, floats, or the bytes of strings and nested messages, in order. */
export type Fields = ReadonlyMap<number, readonly (number | Uint8Array)[]>;

export function readFields(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, (number | Uint8Array)[]>();
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const values = fields.get(field) ?? [];
    fields.set(field, values);
    if (wireType === WireType.Varint) values.push(Number(reader.int64()));
    else if (wireType === WireType.Bit32) values.push(reader.float());
    else values.push(reader.bytes());
  }
  return fields;
}

export const numbers = (fields: Fields, field: number): number[] => (fields.get(field) ?? []).map(Number);
export const messages = (fields: Fields, field: number): Fields[] =>
  (fields.get(field) ?? []).map((value) => readFields(value as Uint8Array));
export const texts = (fields: Fields, field: number): string[] =>
  (fields.get(field) ?? []).map((value) => Buffer.from(value as Uint8Array).toString());

export interface DecodedNode {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly Fields[];
}

export interface DecodedTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly raw: Uint8Array | undefined;
  readonly external: Readonly<Record<string, string>>;
  readonly location: number;
}

export interface DecodedModel {
  readonly irVersion: number;
  readonly opsets: Readonly<Record<string, number>>;
  readonly nodes: readonly DecodedNode[];
  readonly initializers: readonly DecodedTensor[];
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
}

export function decodeModel(bytes: Uint8Array): DecodedModel {
  const model = readFields(bytes);
  const graph = messages(model, 7)[0]!;
  return {
    irVersion: numbers(model, 1)[0]!,
    opsets: Object.fromEntries(messages(model, 8).map((opset) => [texts(opset, 1)[0], numbers(opset, 2)[0]!])),
    nodes: messages(graph, 1).map(decodeNode),
    initializers: messages(graph, 5).map(decodeTensor),
    inputs: Object.fromEntries(messages(graph, 11).map(decodePort)),
    outputs: Object.fromEntries(messages(graph, 12).map(decodePort)),
  };
}

function decodeNode(node: Fields): DecodedNode {
  return {
    inputs: texts(node, 1),
    outputs: texts(node, 2),
    name: texts(node, 3)[0]!,
    opType: texts(node, 4)[0]!,
    attributes: messages(node, 5),
    domain: texts(node, 7)[0] ?? '',
  };
}

function decodeTensor(tensor: Fields): DecodedTensor {
  return {
    dims: numbers(tensor, 1),
    dataType: numbers(tensor, 2)[0]!,
    name: texts(tensor, 8)[0]!,
    raw: tensor.get(9)?.[0] as Uint8Array | undefined,
    external: Object.fromEntries(messages(tensor, 13).map((entry) => [texts(entry, 1)[0]!, texts(entry, 2)[0]!])),
    location: numbers(tensor, 14)[0] ?? 0,
  };
}

function decodePort(port: Fields): [string, readonly number[]] {
  const tensorType = messages(messages(port, 2)[0]!, 1)[0]!;
  const dims = messages(messages(tensorType, 2)[0]!, 1);
  return [texts(port, 1)[0]!, dims.map((dim) => numbers(dim, 1)[0] ?? 0)];
}
