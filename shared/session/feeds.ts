/** Checks of a run before its buffers leave the caller, and the choice of what is handed over and what is copied. */
import { MeshError } from '#shared/errors/errors.ts';
import type { GraphModel, Port } from '#shared/graph/graph-model.ts';
import { elementCount, sameShape, showShape, type Tensor } from '#shared/tensor/tensor.ts';
import type { Kept, RunRequest } from './device.ts';

/** What is kept under each slot. */
export type Slots = ReadonlyMap<string, Port>;

type Feeds = RunRequest['feeds'];

const isKept = (feed: Tensor | Kept): feed is Kept => 'kept' in feed;

function refuse(model: GraphModel, what: string, details: Record<string, unknown>): never {
  throw new MeshError('WRONG_SHAPE', `${model.name}: ${what}`, { graph: model.name, ...details });
}

function checkNames(
  model: GraphModel,
  given: readonly string[],
  ports: readonly Port[],
  kind: 'input' | 'output',
): void {
  const known = ports.map((port) => port.name);
  const unknown = given.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  refuse(model, `there is no ${kind} ${unknown}, only ${known.join(', ')}.`, { port: unknown, known });
}

function checkFeed(model: GraphModel, port: Port, feed: Tensor | Kept | undefined, slots: Slots): void {
  if (!feed)
    refuse(model, `input ${port.name} ${showShape(port.shape)} is missing.`, { port: port.name, expected: port.shape });
  const got = isKept(feed) ? slots.get(feed.kept) : feed;
  if (!got) refuse(model, `nothing is kept under the slot of input ${port.name}.`, { port: port.name, slot: feed });
  if (got.dtype !== port.dtype || !sameShape(got.shape, port.shape)) {
    refuse(
      model,
      `input ${port.name} is ${got.dtype} ${showShape(got.shape)}, ${port.dtype} ${showShape(port.shape)} is needed.`,
      { port: port.name, expected: port.shape, got: got.shape, expectedDType: port.dtype, gotDType: got.dtype },
    );
  }
}

function checkData(model: GraphModel, name: string, feed: Tensor | Kept): void {
  if (isKept(feed) || feed.data.length === elementCount(feed.shape)) return;
  refuse(model, `input ${name} has no data for ${showShape(feed.shape)}: was it handed over to an earlier run?`, {
    port: name,
    expected: elementCount(feed.shape),
    got: feed.data.length,
  });
}

/** @throws MeshError WRONG_SHAPE that names the graph, the port and both shapes */
export function checkRun(model: GraphModel, request: RunRequest, slots: Slots): void {
  checkNames(model, Object.keys(request.feeds), model.inputs, 'input');
  checkNames(model, [...request.outputs, ...Object.keys(request.keep ?? {})], model.outputs, 'output');
  for (const port of model.inputs) checkFeed(model, port, request.feeds[port.name], slots);
  for (const [name, feed] of Object.entries(request.feeds)) checkData(model, name, feed);
}

/** A value that fills its buffer goes as it is; a view of part of one is copied, since the buffer is others' as well. */
function detachable(value: Tensor): Tensor {
  const fillsBuffer = value.data.byteLength === value.data.buffer.byteLength;
  return fillsBuffer ? value : { ...value, data: value.data.slice() };
}

/** The feeds as they cross to the worker, with the buffers to hand over. */
export function handOver({ feeds, ownsBuffers }: Pick<RunRequest, 'feeds' | 'ownsBuffers'>): {
  feeds: Feeds;
  transfer: ArrayBuffer[];
} {
  const crossing = (feed: Tensor | Kept): Tensor | Kept => (isKept(feed) || ownsBuffers ? feed : detachable(feed));
  const ready = Object.entries(feeds).map(([name, feed]) => [name, crossing(feed)] as const);
  const crossed = Object.fromEntries(ready);
  return { feeds: crossed, transfer: buffersOf(crossed) };
}

/** What the feeds lie in, each once: the same tensor may feed two inputs, and shared memory needs no handing over. */
export function buffersOf(feeds: Feeds): ArrayBuffer[] {
  const buffers = Object.values(feeds).flatMap((feed) => (isKept(feed) ? [] : [feed.data.buffer]));
  return [...new Set(buffers)].filter((buffer) => buffer instanceof ArrayBuffer);
}
