/**
 * What the device's thread and its worker say to each other: one operation at a time, one reply to each. All of it is
 * plain data; sessions, weight sets and slots go by id.
 */
import type { WireError } from '#shared/errors/errors.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import type { Tensor } from '#shared/tensor/tensor.ts';
import type { Weight } from '#shared/tensor/weight.ts';
import type { Kept, RunResult } from './device.ts';
import type { ExecutionProvider } from './execution-provider.ts';
import type { Factors } from './factors.ts';

/** What the worker knows from its first moment. */
export interface WorkerSetup {
  readonly provider: ExecutionProvider;
  /** Threads that one run may use. */
  readonly threads: number;
}

/** Weights in memory that several threads read and none writes, by name. */
export type SharedWeights = ReadonlyMap<string, Float32Array<SharedArrayBuffer>>;

type Nothing = Readonly<Record<string, never>>;

/** Request and reply of each operation. */
export interface Operations {
  /** First of all: proves that the provider can be used. */
  probe: { request: Nothing; reply: undefined };
  /** The reply has the arrays where they are to be shared, else nothing. */
  loadWeights: {
    request: {
      readonly set: string;
      readonly folder: string;
      readonly weights: readonly Weight[];
      readonly isShared: boolean;
    };
    reply: SharedWeights;
  };
  /** A new set that shares every array of `base` but those replaced; new names are added. */
  deriveWeights: {
    request: {
      readonly set: string;
      readonly base: string;
      readonly replaced: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
    };
    reply: undefined;
  };
  /** A weight with its changes, in a new array. */
  patchWeight: {
    request: { readonly weight: Float32Array<SharedArrayBuffer>; readonly patch: Factors };
    reply: Float32Array<ArrayBuffer>;
  };
  releaseWeights: { request: { readonly set: string }; reply: undefined };
  open: { request: { readonly session: string; readonly model: GraphModel }; reply: undefined };
  run: {
    request: {
      readonly session: string;
      readonly set: string;
      readonly feeds: Readonly<Record<string, Tensor | Kept>>;
      readonly outputs: readonly string[];
      readonly keep: Readonly<Record<string, string>>;
      readonly drop: readonly string[];
      /** Whether buffers that came with the feeds go back. */
      readonly returnsBuffers: boolean;
    };
    reply: RunResult;
  };
  /** Keeps a value under a slot, as if a run had put it out. */
  put: { request: { readonly slot: string; readonly value: Tensor }; reply: undefined };
  release: { request: { readonly session: string }; reply: undefined };
  drop: { request: { readonly slots: readonly string[] }; reply: undefined };
  /** Ends the worker; there is no reply, it exits. */
  exit: { request: Nothing; reply: undefined };
}

/** The name of an operation; its request and its reply below. */
export type OperationName = keyof Operations;
export type RequestOf<K extends OperationName> = Operations[K]['request'];
export type ReplyOf<K extends OperationName> = Operations[K]['reply'];

/** To the worker. */
export type Order = {
  readonly [K in OperationName]: { readonly operation: K; readonly request: RequestOf<K> };
}[OperationName];

/** From the worker. */
export type Reply = { readonly value: ReplyOf<OperationName> } | { readonly error: WireError };
