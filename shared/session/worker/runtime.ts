/**
 * Everything that the worker owns: sessions, kept outputs, weights. One method for each operation of the protocol; they are
 * called one after the other, never at once.
 */
import { InferenceSession, type Tensor as OrtTensor } from 'onnxruntime-node';
import { MeshError } from '#shared/errors/errors.ts';
import type { FedFactor, FedWeight, GraphModel } from '#shared/graph/graph-model.ts';
import { elementCount, type Tensor } from '#shared/tensor/tensor.ts';
import type { Kept } from '../device.ts';
import { REMEDIES } from '../execution-provider.ts';
import { buffersOf } from '../feeds.ts';
import type { OperationName, ReplyOf, RequestOf, WorkerSetup } from '../protocol.ts';
import { gemmModel } from './gemm-model.ts';
import { floats, fromOrt, toOrt } from './ort-tensor.ts';
import { Patcher } from './patcher.ts';
import { runtimeError } from './runtime-error.ts';
import { sessionOptions } from './session-options.ts';
import { readSharedWeights, readWeights } from './weight-reader.ts';
import { WeightStore } from './weight-store.ts';

/** A reply, with the buffers that go along. */
export interface Answer<K extends OperationName = OperationName> {
  readonly value: ReplyOf<K>;
  readonly transfer?: readonly ArrayBuffer[];
}

type Operation<K extends OperationName> = (request: RequestOf<K>) => Promise<Answer<K>> | Answer<K>;

interface OpenSession {
  readonly session: InferenceSession;
  readonly model: GraphModel;
  /** Feeds made of the weights of the set used last: making some hundred of them takes as long as the rest of a small run. */
  fed?: { readonly set: string; readonly inputs: Readonly<Record<string, OrtTensor>> };
}

const DONE = { value: undefined } as const;

/** See the head of this file. */
export class Runtime implements Readonly<{ [K in OperationName]: Operation<K> }> {
  readonly #setup: WorkerSetup;
  readonly #patcher: Patcher;
  readonly #weights = new WeightStore();
  readonly #sessions = new Map<string, OpenSession>();
  readonly #kept = new Map<string, OrtTensor>();
  #zeros = new Float32Array();

  constructor(setup: WorkerSetup) {
    this.#setup = setup;
    this.#patcher = new Patcher(setup.threads);
  }

  async probe(): Promise<Answer<'probe'>> {
    const { name } = this.#setup.provider;
    try {
      const session = await InferenceSession.create(gemmModel(), sessionOptions(this.#setup));
      await session.release();
    } catch (cause) {
      const text = (cause as Error).message.trim();
      throw new MeshError(
        'DEVICE_UNAVAILABLE',
        `${name} cannot be used here. ${REMEDIES[name]} (${text})`,
        {},
        { cause },
      );
    }
    return DONE;
  }

  loadWeights({ set, folder, weights, isShared }: RequestOf<'loadWeights'>): Answer<'loadWeights'> {
    if (!isShared) {
      this.#weights.add(set, readWeights(folder, weights));
      return { value: new Map() };
    }
    const arrays = readSharedWeights(folder, weights);
    this.#weights.add(set, arrays);
    return { value: arrays };
  }

  deriveWeights({ set, base, replaced }: RequestOf<'deriveWeights'>): Answer<'deriveWeights'> {
    this.#weights.derive(set, base, replaced);
    return DONE;
  }

  async patchWeight({ weight, patch }: RequestOf<'patchWeight'>): Promise<Answer<'patchWeight'>> {
    const value = await this.#patcher.patched(weight, patch);
    return { value, transfer: [value.buffer] };
  }

  releaseWeights({ set }: RequestOf<'releaseWeights'>): Answer<'releaseWeights'> {
    this.#weights.release(set);
    this.#forgetFeeds(set);
    return DONE;
  }

  async open({ session: id, model }: RequestOf<'open'>): Promise<Answer<'open'>> {
    const session = await named(model, () =>
      InferenceSession.create(model.bytes, sessionOptions(this.#setup, model.folder)),
    );
    this.#sessions.set(id, { session, model });
    return DONE;
  }

  async run({
    session: id,
    set,
    feeds,
    outputs,
    keep,
    drop,
    returnsBuffers,
  }: RequestOf<'run'>): Promise<Answer<'run'>> {
    const open = this.#open(id);
    const { session, model } = open;
    const inputs = { ...this.#fedWeights(open, set), ...this.#values(feeds) };
    const wanted = [...new Set([...outputs, ...Object.keys(keep)])];
    const start = performance.now();
    const results = await named(model, () => session.run(inputs, wanted));
    const runMs = performance.now() - start;
    this.drop({ slots: [...drop, ...Object.values(keep)] });
    for (const [output, slot] of Object.entries(keep)) this.#kept.set(slot, results[output]!);
    const given = model.outputs
      .filter(({ name }) => outputs.includes(name))
      .map((port) => [port.name, fromOrt(results[port.name]!, port, port.name in keep)] as const);
    const spent = returnsBuffers ? buffersOf(feeds) : [];
    const transfer = [...given.map(([, value]) => value.data.buffer as ArrayBuffer), ...spent];
    return { value: { outputs: Object.fromEntries(given), runMs, spent }, transfer };
  }

  async release({ session: id }: RequestOf<'release'>): Promise<Answer<'release'>> {
    const open = this.#sessions.get(id);
    this.#sessions.delete(id);
    await open?.session.release();
    return DONE;
  }

  put({ slot, value }: RequestOf<'put'>): Answer<'put'> {
    this.drop({ slots: [slot] });
    this.#kept.set(slot, toOrt(value));
    return DONE;
  }

  drop({ slots }: RequestOf<'drop'>): Answer<'drop'> {
    for (const slot of slots) {
      const kept = this.#kept.get(slot);
      this.#kept.delete(slot);
      if (kept) freeNow(kept);
    }
    return DONE;
  }

  async exit(): Promise<Answer<'exit'>> {
    for (const session of this.#sessions.keys()) await this.release({ session });
    await this.#patcher.close();
    return DONE;
  }

  #open(id: string): OpenSession {
    const open = this.#sessions.get(id);
    if (!open) throw new MeshError('INTERNAL', 'The session was released before this run.', { session: id });
    return open;
  }

  /** Feeds made of the set's arrays, without a copy: a part of a weight's rows is a view. */
  #fedWeights(open: OpenSession, set: string): Readonly<Record<string, OrtTensor>> {
    if (open.fed?.set === set) return open.fed.inputs;
    const { fedWeights, fedFactors = [] } = open.model;
    const weights = fedWeights.map(
      (fed) => [fed.input, floats(fedRows(fed, this.#weights.array(set, fed.weight.name)), fed.shape)] as const,
    );
    const factors = fedFactors.map((fed) => [fed.input, floats(this.#factor(set, fed), fed.shape)] as const);
    open.fed = { set, inputs: Object.fromEntries([...weights, ...factors]) };
    return open.fed.inputs;
  }

  /** Zeros where the set's LoRAs leave a layer alone: they add nothing. */
  #factor(set: string, fed: FedFactor): Float32Array {
    const array = this.#weights.find(set, fed.factor);
    return array ? fedRows(fed, array) : this.#zerosOf(elementCount(fed.shape));
  }

  /** Views of one array, which nobody writes. */
  #zerosOf(count: number): Float32Array {
    if (this.#zeros.length < count) this.#zeros = new Float32Array(count);
    return this.#zeros.subarray(0, count);
  }

  /** The set's arrays are others now, or gone. */
  #forgetFeeds(set: string): void {
    for (const open of this.#sessions.values()) if (open.fed?.set === set) delete open.fed;
  }

  #values(feeds: RequestOf<'run'>['feeds']): Record<string, OrtTensor> {
    return Object.fromEntries(Object.entries(feeds).map(([input, feed]) => [input, this.#value(feed)]));
  }

  #value(feed: Tensor | Kept): OrtTensor {
    return 'kept' in feed ? this.#kept.get(feed.kept)! : toOrt(feed);
  }
}

/** Kept outputs are tens of MB for each step: waiting for the collector would double what a device holds. */
function freeNow({ data }: OrtTensor): void {
  const { buffer } = data as Float32Array;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0); // detaching frees, as in weight-store.ts
}

function fedRows({ shape, rows }: Pick<FedWeight, 'shape' | 'rows'>, array: Float32Array): Float32Array {
  if (!rows) return array;
  const rowSize = elementCount(shape.slice(1));
  return array.subarray(rows[0] * rowSize, rows[1] * rowSize);
}

/** Puts the graph's name on what onnxruntime throws. */
async function named<T>(model: GraphModel, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw runtimeError(thrown, model.name);
  }
}
