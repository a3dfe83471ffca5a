/**
 * The seam between the mesh and whatever runs networks. An actor owns one Device; it is a worker thread with onnxruntime on
 * a CPU or GPU, or a simulation. Everything is asynchronous: the caller's thread never blocks on a run.
 */
import type { GraphModel } from '#shared/graph/graph-model.ts';
import type { Tensor, TensorMap } from '#shared/tensor/tensor.ts';
import type { Weight, WeightSource } from '#shared/tensor/weight.ts';

/** An output of an earlier run that stayed on the device, by the slot it was kept under. */
export interface Kept {
  readonly kept: string;
}

/** One run of a session. */
export interface RunRequest {
  /** By graph input: values, or slots kept by earlier runs. Fed weights are added from `weights`. A value's buffer is handed over: do not use it after. */
  readonly feeds: Readonly<Record<string, Tensor | Kept>>;
  /** The weights to feed: the base set, or a patched one. */
  readonly weights: WeightSet;
  /** Outputs to give back to the caller. */
  readonly outputs: readonly string[];
  /** Outputs that stay on the device: slot by output name. A slot lives until `drop`. */
  readonly keep?: Readonly<Record<string, string>>;
}

export interface RunResult {
  readonly outputs: TensorMap;
  /** Time in the runtime itself, ms: what a span reports beside the waiting. */
  readonly runMs: number;
}

/** A graph made ready to run. */
export interface Session {
  readonly model: GraphModel;
  /** @throws MeshError WRONG_SHAPE for a missing, unknown or misshapen feed. */
  run(request: RunRequest): Promise<RunResult>;
  /** Frees the session; idempotent. */
  release(): Promise<void>;
}

/** Weights of one network in the device's memory, shared by its sessions of every shape. */
export interface WeightSet {
  readonly id: string;
  /** Bytes that only this set holds: a patched set shares what it did not change. */
  readonly ownBytes: number;
  /**
   * A new set with W + up @ down in the named weights and the rest shared. The base stays pristine.
   *
   * factors   `<weight name>.up` f32 [O, R] (scales multiplied in), `<weight name>.down` f32 [R, I·K·K]
   * @throws MeshError LORA_MISMATCH when a factor names no weight of this set or does not fit its shape
   */
  patch(factors: TensorMap): Promise<WeightSet>;
  /** Frees what only this set holds; idempotent. */
  release(): Promise<void>;
}

/** See the head of this file. Calls are served in order, one run at a time. */
export interface Device {
  /** `cpu`, `cuda:0`, `webgpu`, `simulated:<profile>`. */
  readonly name: string;
  /** Reads weights into the device's memory, widened to what it computes in. */
  loadWeights(source: WeightSource, weights: readonly Weight[]): Promise<WeightSet>;
  open(model: GraphModel): Promise<Session>;
  /** Frees kept slots; unknown ones are ignored. */
  drop(slots: readonly string[]): Promise<void>;
  /** Ends the worker after the running call; idempotent. */
  close(): Promise<void>;
}
