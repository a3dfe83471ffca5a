/** Owns one worker thread: hands it one order at a time and turns its end, however it comes, into an error or a close. */
import { Worker } from 'node:worker_threads';
import { MeshError } from '#shared/errors/errors.ts';
import type { OperationName, Order, Reply, ReplyOf, RequestOf, WorkerSetup } from './protocol.ts';

const ENTRY = new URL('./worker/main.ts', import.meta.url);

/** See the head of this file. Callers keep to one call at a time (`work-queue.ts`). */
export class WorkerLink {
  readonly #worker: Worker;
  readonly #ended: Promise<unknown>;
  #pending: PromiseWithResolvers<ReplyOf<OperationName>> | undefined;
  #lost: MeshError | undefined;

  /** entry   the worker's first file */
  constructor(name: string, setup: WorkerSetup, entry = ENTRY) {
    // onnxruntime 1.30 otherwise writes usage data under the user's cache folder; it reads the process's own environment.
    process.env.ORT_DISABLE_TELEMETRY ??= '1';
    this.#worker = new Worker(entry, { name, workerData: setup });
    this.#ended = new Promise((resolve) => this.#worker.once('exit', resolve));
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('messageerror', (error) => this.#settle({ error: MeshError.from(error).toWire() }));
    this.#worker.on('error', (error) => this.#lose(name, error));
    this.#worker.on('exit', (code) => this.#lose(name, new Error(`exit code ${code}`)));
  }

  /** Whether the worker has ended. */
  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** @throws MeshError what the worker answers; DEVICE_UNAVAILABLE when it has ended */
  async call<K extends OperationName>(
    operation: K,
    request: RequestOf<K>,
    transfer: readonly ArrayBuffer[] = [],
  ): Promise<ReplyOf<K>> {
    if (this.#lost) throw this.#lost;
    this.#worker.postMessage({ operation, request } as Order, transfer);
    this.#pending = Promise.withResolvers();
    return this.#pending.promise as Promise<ReplyOf<K>>;
  }

  /** Asks the worker to end and waits for it. `worker.terminate()` would abort the process if a run were in progress. */
  async exit(): Promise<void> {
    if (!this.#lost) this.#worker.postMessage({ operation: 'exit', request: {} } satisfies Order);
    await this.#ended;
  }

  #settle(reply: Reply): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if ('error' in reply) pending?.reject(MeshError.fromWire(reply.error));
    else pending?.resolve(reply.value);
  }

  /** First call wins: an uncaught error is followed by an exit. */
  #lose(name: string, cause: Error): void {
    this.#lost ??= new MeshError(
      'DEVICE_UNAVAILABLE',
      `The worker of device ${name} ended unexpectedly (${cause.message}): start the process again.`,
      { device: name },
      { cause },
    );
    this.#pending?.reject(this.#lost);
    this.#pending = undefined;
  }
}
