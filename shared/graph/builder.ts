/**
 * Writes one ONNX graph: values with static shapes, nodes named by where they stand in the module tree, and weights that
 * are asked for by that same path. What the operators mean is in `ops/`, layers are in `nn/`.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { type DType, type Shape, showShape } from '#shared/tensor/tensor.ts';
import type { Weight, WeightSource } from '#shared/tensor/weight.ts';
import { countCost } from './cost.ts';
import type { Branches, FedFactor, FedWeight, GraphModel, Port } from './graph-model.ts';
import { encodeModel, type OnnxNode, type OnnxTensor, onnxDataType } from './protobuf/onnx.ts';
import type { Attributes, Value, ValueType } from './value.ts';
import { partLocation, partName, partShape, type Rows, type WeightPart } from './weight-part.ts';

/** The oldest versions with every operator used here (Gelu came with opset 20), so that older runtimes can load a graph. */
const IR_VERSION = 10;
const OPSETS = { '': 20, 'com.microsoft': 1 } as const;

/** Operators that are not part of ONNX itself. */
const MICROSOFT_OPERATORS: ReadonlySet<string> = new Set(['MultiHeadAttention', 'QuickGelu']);

const CONSTANT_ARRAYS = {
  f32: (numbers: number[]) => Float32Array.from(numbers),
  i32: (numbers: number[]) => Int32Array.from(numbers),
  i64: (numbers: number[]) => BigInt64Array.from(numbers, BigInt),
} as const;

export type { Rows } from './weight-part.ts';

/** Whether a weight that a LoRA may change enters the graph as an input (fed on every run) or as external data. */
export type WeightMode = (weightName: string) => 'fed' | 'constant';

/** Every such weight is fed: where feeding is free, on the CPU. */
export const FED: WeightMode = () => 'fed';
/** No weight is fed: for networks that nothing patches. */
export const CONSTANT: WeightMode = () => 'constant';

/** What a graph is built from. */
export interface GraphOptions {
  /** See {@link GraphModel.name}. */
  readonly name: string;
  readonly source: WeightSource;
  readonly weightMode: WeightMode;
  /** Adds side branches to the layers whose weights a LoRA may change. */
  readonly branches?: Branches | undefined;
  /** Inner values to put out too, by the names given to {@link GraphBuilder.tap}. */
  readonly taps?: readonly string[];
}

interface PendingNode {
  readonly name: string;
  readonly opType: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
}

/** See the head of this file. One builder makes one graph. */
export class GraphBuilder {
  readonly #options: GraphOptions;
  readonly #scopes: string[] = [];
  readonly #timesTaken = new Map<string, number>();
  readonly #nodes: PendingNode[] = [];
  readonly #initializers = new Map<string, OnnxTensor>();
  readonly #constants = new Map<string, Value>();
  readonly #weights = new Map<string, Value>();
  readonly #inputs: Port[] = [];
  readonly #outputs = new Map<string, Value>();
  readonly #fedWeights: FedWeight[] = [];
  readonly #fedFactors: FedFactor[] = [];

  constructor(options: GraphOptions) {
    this.#options = options;
  }

  /** Runs `body` one level deeper in the module tree; `name` may hold dots, and nothing happens for an empty one. */
  scope<T>(name: string, body: () => T): T {
    if (!name) return body();
    this.#scopes.push(name);
    try {
      return body();
    } finally {
      this.#scopes.pop();
    }
  }

  /** The full path of a name in the present scope. */
  path(name: string): string {
    return [...this.#scopes, name].join('.');
  }

  /** An error at the present place: the path of the module goes with it. */
  wrongShape(what: string, values: Readonly<Record<string, Shape | number>>): MeshError {
    const path = this.#scopes.join('.') || this.#options.name;
    const shown = Object.entries(values).map(([name, size]) => `${name} ${showSize(size)}`);
    return new MeshError('WRONG_SHAPE', `${path}: ${what} (${shown.join(', ')}).`, { path, ...values });
  }

  /** Something the caller feeds on every run. Names of inputs and outputs are not scoped. */
  input(name: string, dtype: DType, shape: Shape): Value {
    const port = { name, dtype, shape };
    this.#inputs.push(port);
    return port;
  }

  /** Puts out what a node put out, under one name of its own; not an input, a weight or a constant. */
  output(name: string, value: Value): void {
    this.#outputs.set(name, value);
  }

  /** Puts an inner value out if the graph was asked for it. */
  tap(name: string, value: Value): void {
    if (this.#options.taps?.includes(name)) this.output(name, value);
  }

  /** Adds a node with one output. */
  op(opType: string, inputs: readonly (Value | undefined)[], output: ValueType, attributes: Attributes = {}): Value {
    return this.node(opType, inputs, [output], attributes)[0]!;
  }

  /** Adds a node. An input that is left out is `undefined`. The shapes of the outputs are the caller's knowledge. */
  node(
    opType: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly ValueType[],
    attributes: Attributes = {},
  ): Value[] {
    const name = this.#unusedName(this.path(opType));
    const values = outputs.map(({ dtype, shape }, i) => ({ name: i === 0 ? name : `${name}:${i}`, dtype, shape }));
    this.#nodes.push({ name, opType, inputs, outputs: values, attributes });
    return values;
  }

  /** A small constant, kept in the graph itself; equal ones are stored once. */
  constant(dtype: keyof typeof CONSTANT_ARRAYS, shape: Shape, numbers: ArrayLike<number>): Value {
    const key = `${dtype}${showShape(shape)}${Array.prototype.join.call(numbers)}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const data = CONSTANT_ARRAYS[dtype](Array.from(numbers));
    const value = { name: `constant.${this.#constants.size}`, dtype, shape };
    this.#constants.set(key, value);
    this.#initializers.set(value.name, { ...value, data: new Uint8Array(data.buffer) });
    return value;
  }

  /**
   * A weight as an f32 constant.
   *
   * shape   that of the whole weight in the checkpoint
   * @throws MeshError WEIGHT_MISSING, WRONG_SHAPE by the source
   */
  weight(name: string, shape: Shape, part: WeightPart = {}): Value {
    const stored = this.storedWeight(name, shape, part);
    if (stored.dtype === 'f32') return stored;
    const widened = { dtype: 'f32', shape: stored.shape } as const;
    return this.#once(`${stored.name} widened`, () =>
      this.op('Cast', [stored], widened, { to: { int: onnxDataType('f32') } }),
    );
  }

  /** A weight as a constant of the dtype it is stored in: for tables that are too big to be widened. */
  storedWeight(name: string, shape: Shape, part: WeightPart = {}): Value {
    const weight = this.#options.source.get(this.path(name), shape);
    if (weight.isTransposed) return this.#transposedWeight(weight);
    return this.#once(partName(weight, part), (constantName) => {
      const value = { name: constantName, dtype: weight.dtype, shape: partShape(weight, part) };
      this.#initializers.set(constantName, { ...value, data: partLocation(weight, part) });
      return value;
    });
  }

  /** Turned back in the graph: the file is mapped as it is. */
  #transposedWeight(weight: Weight): Value {
    const { dtype, shape, location: data } = weight;
    return this.#once(weight.name, (name) => {
      const stored = { name: `${name} as stored`, dtype, shape: shape.toReversed() };
      this.#initializers.set(stored.name, { ...stored, data });
      return this.op('Transpose', [stored], { dtype, shape }, { perm: { ints: [1, 0] } });
    });
  }

  /** An f32 weight that a LoRA may change: fed or constant, as the graph's {@link WeightMode} says. */
  adaptableWeight(name: string, shape: Shape, rows?: Rows): Value {
    const part = rows ? { rows } : {};
    if (this.#options.weightMode(this.path(name)) === 'constant') return this.weight(name, shape, part);
    const weight = this.#options.source.get(this.path(name), shape);
    return this.#once(partName(weight, part), (input) => {
      const fed = { input, weight, ...part, shape: partShape(weight, part) };
      this.#fedWeights.push(fed);
      return { name: input, dtype: 'f32', shape: fed.shape };
    });
  }

  /**
   * The factors of an adaptable weight's side branch, `down` [R, I, K, K] and `up` [O, R, 1, 1]; undefined where the graph
   * has none. Arguments as of {@link adaptableWeight}.
   */
  branch(name: string, shape: Shape, rows?: Rows): { down: Value; up: Value } | undefined {
    const { branches } = this.#options;
    const [outputs, inputs, ...kernel] = shape as [number, number, ...number[]];
    if (!branches || (!branches.hasKernels && kernel.some((size) => size > 1))) return undefined;
    const weight = this.path(name);
    const computed = rows ? rows[1] - rows[0] : outputs;
    const { rank } = branches;
    return {
      down: this.#factor({ factor: `${weight}.down`, shape: [rank, inputs, ...kernel] }),
      up: this.#factor({
        factor: `${weight}.up`,
        ...(rows && { rows }),
        shape: [computed, rank, ...kernel.map(() => 1)],
      }),
    };
  }

  /** The finished graph. */
  build(): GraphModel {
    const { name, source } = this.#options;
    const fed = [...this.#fedWeights, ...this.#fedFactors];
    const fedPorts = fed.map(({ input, shape }) => ({ name: input, dtype: 'f32', shape }) as const);
    const outputs = [...this.#outputs].map(([port, { dtype, shape }]) => ({ name: port, dtype, shape }));
    const bytes = encodeModel({
      name,
      irVersion: IR_VERSION,
      opsets: OPSETS,
      nodes: this.#namedNodes(),
      initializers: [...this.#initializers.values()],
      inputs: [...this.#inputs, ...fedPorts],
      outputs,
    });
    const cost = countCost(this.#nodes, { inputs: this.#inputs, outputs: this.#outputs.values() });
    return {
      name,
      bytes,
      folder: source.folder,
      inputs: this.#inputs,
      outputs,
      fedWeights: this.#fedWeights,
      fedFactors: this.#fedFactors,
      cost,
    };
  }

  /** Values that are put out take the names of their ports: an Identity in between would be a copy. */
  #namedNodes(): OnnxNode[] {
    const portOf = new Map([...this.#outputs].map(([port, value]) => [value.name, port]));
    const nameOf = (value: Value | undefined) => (value ? (portOf.get(value.name) ?? value.name) : '');
    return this.#nodes.map((node) => ({
      ...node,
      domain: MICROSOFT_OPERATORS.has(node.opType) ? 'com.microsoft' : '',
      inputs: node.inputs.map(nameOf),
      outputs: node.outputs.map(nameOf),
    }));
  }

  #factor(factor: Omit<FedFactor, 'input'>): Value {
    const { rows } = factor;
    return this.#once(`${factor.factor}${rows ? `[${rows[0]}:${rows[1]}]` : ''}`, (input) => {
      this.#fedFactors.push({ input, ...factor });
      return { name: input, dtype: 'f32', shape: factor.shape };
    });
  }

  #unusedName(path: string): string {
    const times = this.#timesTaken.get(path) ?? 0;
    this.#timesTaken.set(path, times + 1);
    return times === 0 ? path : `${path}_${times}`;
  }

  #once(key: string, make: (key: string) => Value): Value {
    const known = this.#weights.get(key);
    if (known) return known;
    const made = make(key);
    this.#weights.set(key, made);
    return made;
  }
}

function showSize(size: Shape | number): string {
  return typeof size === 'number' ? String(size) : showShape(size);
}
