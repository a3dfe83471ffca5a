/** What one run of a graph takes, counted over its nodes: shapes are static, so it is known before anything runs. */
import { bytesPerElement, elementCount } from '#shared/tensor/tensor.ts';
import type { GraphCost } from './graph-model.ts';
import type { Value } from './value.ts';

/** A node as far as it costs anything. */
export interface CountedNode {
  readonly opType: string;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
}

/** What stands around the nodes. */
export interface CountedPorts {
  /** What the caller feeds, without weights: it is there during the whole run. */
  readonly inputs: readonly Value[];
  /** Values that outlive the run. */
  readonly outputs: Iterable<Value>;
}

/** Operators that can write over an input that nobody reads after them. */
const IN_PLACE: ReadonlySet<string> = new Set(['Add', 'Mul', 'Sigmoid', 'Gelu', 'QuickGelu', 'Sin', 'Cos', 'Clip']);

/** Counts a graph; nodes in the order in which they run. */
export function countCost(nodes: readonly CountedNode[], ports: CountedPorts): GraphCost {
  return {
    flops: nodes.reduce((sum, node) => sum + nodeFlops(node), 0),
    activationBytes: peakBytes(nodes, ports),
  };
}

/** Two for each multiply-add; what is not a product of matrices is left out, since it is under 1 % in these networks. */
function nodeFlops({ opType, inputs, outputs }: CountedNode): number {
  const [first, second] = inputs;
  const produced = elementCount(outputs[0]!.shape);
  // Each element put out is the sum over one row of the weight [O, …], or over the common axis of [N, I] and [O, I].
  if (opType === 'Conv' || opType === 'Gemm') return 2 * produced * elementCount(second!.shape.slice(1));
  // Scores of every query [B, Q, C] with every key [B, T, C], and as much again to mix the values.
  if (opType === 'MultiHeadAttention') return 2 * 2 * elementCount(first!.shape) * second!.shape[1]!;
  return 0;
}

/** A piece of memory that values share: a reshape moves nothing, and some operators write in place. */
interface Buffer {
  readonly bytes: number;
  lastUse: number;
}

function peakBytes(nodes: readonly CountedNode[], { inputs, outputs }: CountedPorts): number {
  const fed = inputs.reduce((sum, value) => sum + sizeOf(value), 0);
  const buffers = assignBuffers(nodes, outputs);
  const change = new Float64Array(nodes.length + 1);
  for (const [born, buffer] of buffers) {
    change[born]! += buffer.bytes;
    if (buffer.lastUse < nodes.length) change[buffer.lastUse + 1]! -= buffer.bytes;
  }
  let alive = fed;
  let peak = fed;
  for (const bytes of change) {
    alive += bytes;
    peak = Math.max(peak, alive);
  }
  return peak;
}

/** Every buffer with the node that makes it. */
function assignBuffers(nodes: readonly CountedNode[], outputs: Iterable<Value>): [born: number, Buffer][] {
  const lastUses = findLastUses(nodes, outputs);
  const ofValue = new Map<string, Buffer>();
  const made: [number, Buffer][] = [];
  for (const [index, node] of nodes.entries()) {
    const shared = sharedBuffer(node, index, ofValue);
    for (const output of node.outputs) {
      const buffer = shared ?? { bytes: sizeOf(output), lastUse: index };
      if (!shared) made.push([index, buffer]);
      buffer.lastUse = Math.max(buffer.lastUse, lastUses.get(output.name) ?? index);
      ofValue.set(output.name, buffer);
    }
  }
  return made;
}

/** The buffer of an input that the node's output takes over, if it can. */
function sharedBuffer(node: CountedNode, index: number, ofValue: ReadonlyMap<string, Buffer>): Buffer | undefined {
  const buffers = node.inputs.flatMap((input) => (input && ofValue.get(input.name)) ?? []);
  if (node.opType === 'Reshape') return buffers[0];
  if (!IN_PLACE.has(node.opType)) return undefined;
  const bytes = sizeOf(node.outputs[0]!);
  return buffers.find((buffer) => buffer.bytes === bytes && buffer.lastUse <= index);
}

/** Index of the last node that reads each value; what is put out is read by the caller, after all of them. */
function findLastUses(nodes: readonly CountedNode[], outputs: Iterable<Value>): Map<string, number> {
  const lastUses = new Map<string, number>();
  for (const [index, { inputs }] of nodes.entries()) {
    for (const input of inputs) if (input) lastUses.set(input.name, index);
  }
  for (const output of outputs) lastUses.set(output.name, nodes.length);
  return lastUses;
}

function sizeOf({ dtype, shape }: Value): number {
  return elementCount(shape) * bytesPerElement(dtype);
}
