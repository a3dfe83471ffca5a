/** One session, seen from the caller's side: checks a run, hands the buffers over, and gives back what comes. */
import type { GraphModel, Port } from '#shared/graph/graph-model.ts';
import type { RunRequest, RunResult, Session } from './device.ts';
import type { Call, DeviceWorker } from './device-worker.ts';
import { checkRun, handOver } from './feeds.ts';

interface SessionParts {
  readonly id: string;
  readonly model: GraphModel;
  readonly worker: DeviceWorker;
  /** The device's own, shared by all of its sessions. */
  readonly slots: Map<string, Port>;
}

/** See the head of this file. */
export class WorkerSession implements Session {
  readonly model: GraphModel;
  readonly #id: string;
  readonly #worker: DeviceWorker;
  readonly #slots: Map<string, Port>;
  #released: Promise<void> | undefined;

  constructor({ id, model, worker, slots }: SessionParts) {
    this.#id = id;
    this.model = model;
    this.#worker = worker;
    this.#slots = slots;
  }

  run(request: RunRequest, signal?: AbortSignal): Promise<RunResult> {
    return this.#worker.turn((call) => this.#run(call, request, signal), { signal });
  }

  release(): Promise<void> {
    this.#released ??= this.#worker.free('release', { session: this.#id });
    return this.#released;
  }

  /** Checked only now, in its turn: an earlier run may keep what this one feeds. */
  async #run(call: Call, request: RunRequest, signal?: AbortSignal): Promise<RunResult> {
    checkRun(this.model, request, this.#slots);
    const { feeds, transfer } = handOver(request);
    const { weights, outputs, keep = {}, drop = [], ownsBuffers: returnsBuffers = false } = request;
    const order = { session: this.#id, set: weights.id, feeds, outputs, keep, drop, returnsBuffers };
    const result = await call('run', order, transfer);
    for (const slot of drop) this.#slots.delete(slot);
    if (signal?.aborted) await this.#forget(call, Object.values(keep));
    else this.#remember(keep);
    return result;
  }

  #remember(keep: Readonly<Record<string, string>>): void {
    for (const port of this.model.outputs) {
      const slot = keep[port.name];
      if (slot !== undefined) this.#slots.set(slot, port);
    }
  }

  /** The caller has given up and will not drop them. */
  async #forget(call: Call, slots: readonly string[]): Promise<void> {
    for (const slot of slots) this.#slots.delete(slot);
    await call('drop', { slots });
  }
}
