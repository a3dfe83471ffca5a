/** The Device whose networks run on onnxruntime in a worker thread. */
import { randomUUID } from 'node:crypto';
import { MeshError } from '#shared/errors/errors.ts';
import type { GraphModel, Port } from '#shared/graph/graph-model.ts';
import type { Tensor } from '#shared/tensor/tensor.ts';
import type { Weight, WeightSource } from '#shared/tensor/weight.ts';
import type { Device, LoadOptions, LoraStrategy, Session, WeightSet } from './device.ts';
import type { DeviceWorker } from './device-worker.ts';
import { PatchWorker } from './patch-worker.ts';
import type { ReplyOf, RequestOf } from './protocol.ts';
import { inParts, whileUnchanged } from './weight-parts.ts';
import { WorkerSession } from './worker-session.ts';
import { WorkerWeightSet } from './worker-weight-set.ts';

/** See the head of this file. */
export class WorkerDevice implements Device {
  readonly name: string;
  readonly loraStrategy: LoraStrategy;
  readonly maxActivationBytes: number | undefined;
  readonly #worker: DeviceWorker;
  readonly #patchWorker: PatchWorker;
  /** What is kept under each slot, once the run that keeps it has ended. */
  readonly #slots = new Map<string, Port>();

  constructor(name: string, worker: DeviceWorker, loraStrategy: LoraStrategy, maxActivationBytes?: number) {
    this.name = name;
    this.loraStrategy = loraStrategy;
    this.maxActivationBytes = maxActivationBytes;
    this.#worker = worker;
    this.#patchWorker = new PatchWorker(name);
  }

  async loadWeights(
    source: WeightSource,
    weights: readonly Weight[],
    { isPatchable = false }: LoadOptions = {},
  ): Promise<WeightSet> {
    const byName = new Map(weights.map((weight) => [weight.name, weight]));
    const shapes = new Map([...byName].map(([name, weight]) => [name, weight.shape]));
    const id = randomUUID();
    const hasBranches = isPatchable && this.loraStrategy === 'branches';
    const read = hasBranches ? [] : [...byName.values()];
    const request = { set: id, folder: source.folder, weights: read, isShared: isPatchable };
    const shared = await this.#read(request);
    if (!isPatchable) return WorkerWeightSet.loaded(this.#worker, { id, shapes });
    const patching = hasBranches ? 'branches' : { worker: this.#patchWorker, weights: shared };
    return WorkerWeightSet.loaded(this.#worker, { id, shapes, patching });
  }

  async open(model: GraphModel): Promise<Session> {
    this.#requireRoom(model);
    const session = randomUUID();
    await this.#worker.perform('open', { session, model });
    return new WorkerSession({ id: session, model, worker: this.#worker, slots: this.#slots });
  }

  async put(slot: string, value: Tensor): Promise<void> {
    const { dtype, shape } = value;
    const copy = { dtype, shape, data: value.data.slice() } as Tensor;
    await this.#worker.turn((call) => call('put', { slot, value: copy }, [copy.data.buffer as ArrayBuffer]));
    this.#slots.set(slot, { name: slot, dtype, shape });
  }

  async drop(slots: readonly string[]): Promise<void> {
    await this.#worker.free('drop', { slots });
    for (const slot of slots) this.#slots.delete(slot);
  }

  async close(): Promise<void> {
    await Promise.all([this.#worker.close(), this.#patchWorker.close()]);
  }

  /** Known before anything is allocated: a process that runs out of memory would be killed with all that it has. */
  #requireRoom({ name, cost }: GraphModel): void {
    const { activationBytes: bytes } = cost;
    const limit = this.maxActivationBytes ?? Number.POSITIVE_INFINITY;
    if (bytes <= limit) return;
    const text = `${name} would take ${gibibytes(bytes)} for the activations of one run, LATENTMESH_ACTIVATION_BYTES allows ${gibibytes(limit)}: make a smaller picture or batch, or raise it where the machine has the memory.`;
    throw new MeshError('OUT_OF_MEMORY', text, { bytes, limit, variable: 'LATENTMESH_ACTIVATION_BYTES', graph: name });
  }

  async #read(request: RequestOf<'loadWeights'>): Promise<ReplyOf<'loadWeights'>> {
    const { set, folder, weights } = request;
    const shared: [string, Float32Array<SharedArrayBuffer>][] = [];
    try {
      await whileUnchanged(folder, weights, async () => {
        for (const part of inParts(weights)) {
          shared.push(...(await this.#worker.perform('loadWeights', { ...request, weights: part })));
        }
      });
      return new Map(shared);
    } catch (thrown) {
      await this.#worker.free('releaseWeights', { set });
      throw thrown;
    }
  }
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}
