/** A worker with its queue: the one thing that a device, its sessions and its weight sets talk to. */
import { MeshError } from '#shared/errors/errors.ts';
import type { OperationName, ReplyOf, RequestOf, WorkerSetup } from './protocol.ts';
import { type TaskOptions, WorkQueue } from './work-queue.ts';
import { WorkerLink } from './worker-link.ts';

/** Calls the worker inside of a queued task, so that several calls and the checks between them are one turn. */
export type Call = <K extends OperationName>(
  operation: K,
  request: RequestOf<K>,
  transfer?: readonly ArrayBuffer[],
) => Promise<ReplyOf<K>>;

/** See the head of this file. */
export class DeviceWorker {
  readonly #link: WorkerLink;
  readonly #queue = new WorkQueue();
  readonly #name: string;
  #closing: Promise<void> | undefined;

  private constructor(name: string, setup: WorkerSetup) {
    this.#name = name;
    this.#link = new WorkerLink(name, setup);
  }

  /** @throws MeshError DEVICE_UNAVAILABLE when onnxruntime or the provider cannot be used */
  static async start(name: string, setup: WorkerSetup): Promise<DeviceWorker> {
    const worker = new DeviceWorker(name, setup);
    try {
      await worker.perform('probe', {});
    } catch (thrown) {
      await worker.close();
      throw thrown;
    }
    return worker;
  }

  /** Queues a task of one or more calls. */
  turn<T>(task: (call: Call) => Promise<T>, options: TaskOptions = {}): Promise<T> {
    return this.#queue.add(() => task(this.#call), options);
  }

  /** Queues one call. */
  perform<K extends OperationName>(
    operation: K,
    request: RequestOf<K>,
    options: TaskOptions = {},
  ): Promise<ReplyOf<K>> {
    return this.turn((call) => call(operation, request), options);
  }

  /** Queues a call that only frees memory: nothing to do, and no error, once the worker has ended or is about to. */
  async free(operation: 'release' | 'releaseWeights' | 'drop', request: RequestOf<typeof operation>): Promise<void> {
    try {
      await this.perform(operation, request);
    } catch (thrown) {
      if (!this.#closing && !this.#link.isLost) throw thrown;
    }
  }

  /** Refuses what waits, lets the running call end, ends the worker; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#queue.close(new MeshError('DRAINING', `Device ${this.#name} was closed: ask another instance.`));
    await this.#link.exit();
  }

  readonly #call: Call = (operation, request, transfer) => this.#link.call(operation, request, transfer);
}
