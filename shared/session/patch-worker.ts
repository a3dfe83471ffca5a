/**
 * The thread beside a device's own that multiplies LoRAs into weights, so that runs go on meanwhile: it reads the base from
 * shared memory and hands arrays of its own back. Started by the first patch, since most processes never see a LoRA.
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { Tensor } from '#shared/tensor/tensor.ts';
import { changeTensors, type WeightChange } from '#shared/tensor/weight-change.ts';
import { DeviceWorker } from './device-worker.ts';
import type { Factors } from './factors.ts';

/** One core is what patching takes from the runs beside it. */
const THREADS = 1;

/** See the head of this file. */
export class PatchWorker {
  readonly #name: string;
  #worker: Promise<DeviceWorker> | undefined;
  #isClosed = false;

  /** device   its name, for thread lists and errors */
  constructor(device: string) {
    this.#name = `${device} patching`;
  }

  /**
   * A weight with its changes, in a new array.
   *
   * weight   f32 [O, I·K·K], not written
   * @throws MeshError DEVICE_UNAVAILABLE, OUT_OF_MEMORY; DRAINING once `close` was called
   */
  async patched(weight: Float32Array<SharedArrayBuffer>, patch: Factors): Promise<Float32Array<ArrayBuffer>> {
    const worker = await this.#start();
    const copy = copied(patch);
    const buffers = tensorsOf(copy).map(({ data }) => data.buffer as ArrayBuffer);
    return worker.turn((call) => call('patchWeight', { weight, patch: copy }, buffers));
  }

  /** Lets the running multiplication end, then ends the thread; idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const worker = await this.#worker?.catch(() => undefined);
    await worker?.close();
  }

  #start(): Promise<DeviceWorker> {
    if (this.#isClosed) throw new MeshError('DRAINING', 'The device was closed: ask another instance.');
    this.#worker ??= DeviceWorker.start(this.#name, { provider: { name: 'cpu' }, threads: THREADS });
    this.#worker.catch(() => {
      this.#worker = undefined; // the next patch tries again
    });
    return this.#worker;
  }
}

/** Cloning a view across threads would clone the whole buffer that it is a view of. */
function copied(patch: Factors): Factors {
  const { factors } = patch;
  const changes = patch.changes.map((change) => {
    const tensors = Object.entries(changeTensors(change)).map(([name, value]) => [name, copiedTensor(value)]);
    return { kind: change.kind, ...Object.fromEntries(tensors) } as WeightChange;
  });
  const pair = factors && { factors: { up: copiedTensor(factors.up), down: copiedTensor(factors.down) } };
  return { ...patch, ...pair, changes };
}

function copiedTensor(tensor: Tensor<'f32'>): Tensor<'f32'> {
  return { ...tensor, data: tensor.data.slice() };
}

function tensorsOf({ factors, changes }: Factors): Tensor<'f32'>[] {
  return [
    ...(factors ? [factors.up, factors.down] : []),
    ...changes.flatMap((one) => Object.values(changeTensors(one))),
  ];
}
