/**
 * The seam between the mesh and whatever runs networks. An actor owns one Device; it is a worker thread with onnxruntime on
 * a CPU or GPU, or a simulation. Everything is asynchronous: the caller's thread never blocks on a run.
 */
import type { Branches, GraphModel } from '#shared/graph/graph-model.ts';
import type { Tensor, TensorMap } from '#shared/tensor/tensor.ts';
import type { Weight, WeightSource } from '#shared/tensor/weight.ts';

/** A value on the device, by its slot: an output that an earlier run kept there, or what was put there. */
export interface Kept {
  readonly kept: string;
}

/** One run of a session. */
export interface RunRequest {
  /**
   * By graph input: values, or slots kept by earlier runs. Fed weights are added from `weights`. A value that fills its
   * buffer is handed over: do not use it after. A view of part of a larger buffer (a tensor out of a message) is copied.
   */
  readonly feeds: Readonly<Record<string, Tensor | Kept>>;
  /** Whether views are handed over as well, with all of their buffers: nothing else uses what else lies in them. */
  readonly ownsBuffers?: boolean;
  /** The weights to feed: the base set, or a patched one. */
  readonly weights: WeightSet;
  /** Outputs to give back to the caller. */
  readonly outputs: readonly string[];
  /** Outputs that stay on the device: slot by output name. A slot lives until `drop`; keeping under it again replaces it. */
  readonly keep?: Readonly<Record<string, string>>;
  /** Slots that nobody needs after this run: freed when it has ended well. */
  readonly drop?: readonly string[];
}

/** What a run gave. */
export interface RunResult {
  readonly outputs: TensorMap;
  /** Time in the runtime itself, ms: what a span reports beside the waiting. */
  readonly runMs: number;
  /** The buffers that `ownsBuffers` handed over, where the device has no more use for them. */
  readonly spent?: readonly ArrayBuffer[];
}

/** A graph made ready to run. */
export interface Session {
  readonly model: GraphModel;
  /**
   * `signal` takes a waiting run out of the queue. A run that has started cannot be stopped: it fails at once for the
   * caller, ends on the device, and its outputs and kept slots are dropped.
   * @throws MeshError WRONG_SHAPE for a missing, unknown or misshapen feed; WEIGHT_MISSING when the set lacks a fed weight;
   *   the signal's reason (MeshError, else CANCELLED); OUT_OF_MEMORY
   */
  run(request: RunRequest, signal?: AbortSignal): Promise<RunResult>;
  /** Frees the session; idempotent. */
  release(): Promise<void>;
}

/** Weights of one network in the device's memory, shared by its sessions of every shape. */
export interface WeightSet {
  readonly id: string;
  /** Bytes that only this set holds: a patched set shares what it did not change. */
  readonly ownBytes: number;
  /** Of the graphs that it needs, where its LoRAs are side branches. */
  readonly branches?: Branches;
  /**
   * A new set with the named weights changed and the rest shared. The base stays pristine, and may be released
   * before the new set. Runs go on meanwhile, and give way to nothing but the new set's arrival.
   *
   * factors   `<weight name>.up` f32 [O, R] (scales multiplied in), `<weight name>.down` f32 [R, I·K·K], and the other changes of
   *           `shared/tensor/weight-change.ts`; copied, not handed over
   * @throws MeshError LORA_MISMATCH when a factor names no weight of this set or does not fit its shape; the signal's reason
   *   (MeshError, else CANCELLED); INTERNAL when the set was not loaded to be patched; LORA_UNSUPPORTED for ranks beyond
   *   what the device has branches for, and kinds without a rank
   */
  patch(factors: TensorMap, signal?: AbortSignal): Promise<WeightSet>;
  /** Bytes of these weights of it: what a patched set in which they are changed will hold alone, about. */
  bytesWith(weights: Iterable<string>): number;
  /** Frees what only this set holds; idempotent. */
  release(): Promise<void>;
}

/**
 * How LoRAs come into networks: as other weights, fed where feeding is free, or as low-rank side branches beside weights
 * that are constants, where what is fed is copied.
 */
export type LoraStrategy = 'fed' | 'branches';

/** What a weight set is for. */
export interface LoadOptions {
  /**
   * Whether `patch` will be called. Such a set lives as long as its process: shared memory is not given back. With side
   * branches nothing is read, since graphs have the weights as constants. Default false.
   */
  readonly isPatchable?: boolean;
}

/**
 * See the head of this file. Calls are served in order, one at a time, except that patching goes on beside them.
 * Every call fails with DEVICE_UNAVAILABLE once the worker is lost, with DRAINING once `close` was called; what only frees
 * memory succeeds then, because there is none left to free.
 */
export interface Device {
  /** `cpu`, `cuda:0`, `webgpu`, `simulated:<profile>`. */
  readonly name: string;
  readonly loraStrategy: LoraStrategy;
  /** Bytes that the activations of one run may take, as its graph predicts them; unset: any number. */
  readonly maxActivationBytes?: number | undefined;
  /**
   * Reads weights into the device's memory, widened to what it computes in; a name that comes twice is read once.
   * @throws MeshError FILE_UNREADABLE when a file is gone, too short, or changes while it is read; OUT_OF_MEMORY
   */
  loadWeights(source: WeightSource, weights: readonly Weight[], options?: LoadOptions): Promise<WeightSet>;
  /** @throws MeshError OUT_OF_MEMORY when its runs would take more than {@link maxActivationBytes} */
  open(model: GraphModel): Promise<Session>;
  /**
   * Keeps a value under a slot, to be fed as often as it is needed: for what stays the same over many runs. Copied, not
   * handed over.
   * @throws MeshError WRONG_SHAPE for f16 and bf16, which cannot enter a graph
   */
  put(slot: string, value: Tensor): Promise<void>;
  /** Frees kept slots; unknown ones are ignored. */
  drop(slots: readonly string[]): Promise<void>;
  /**
   * Refuses what waits, lets the running call end, then ends the worker; idempotent. Await it before `process.exit`, which
   * would abort the process in the middle of a run.
   */
  close(): Promise<void>;
}
