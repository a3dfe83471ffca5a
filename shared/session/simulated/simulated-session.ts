/** A session of a simulated device. */
import { MeshError } from '#shared/errors/errors.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';
import type { Tensor } from '#shared/tensor/tensor.ts';
import type { RunRequest, RunResult, Session } from '../device.ts';
import { buffersOf, checkRun } from '../feeds.ts';
import { zeros } from '../zeros.ts';
import { type ServiceTime, serviceTime } from './service-time.ts';
import type { SimulatedParts } from './simulated-parts.ts';
import { requireWeights } from './simulated-weight-set.ts';

/** See the head of this file. */
export class SimulatedSession implements Session {
  readonly model: GraphModel;
  readonly #parts: SimulatedParts;
  readonly #time: ServiceTime;
  #isReleased = false;

  /** @throws MeshError CONFIGURATION when the profile does not know the network */
  constructor(parts: SimulatedParts, model: GraphModel) {
    this.#parts = parts;
    this.model = model;
    this.#time = serviceTime(parts.profile, model);
  }

  async run(request: RunRequest, signal?: AbortSignal): Promise<RunResult> {
    const { clock, turn } = this.#parts;
    const endedMs = await turn(() => this.#work(request, signal), { signal });
    // What is kept stays on the device; what is sent needs the link, while the device goes on with its next run.
    if (this.#time.linkMs > 0 && request.outputs.length > 0) await clock.until(endedMs + this.#time.linkMs);
    const outputs = request.outputs.map((name) => [name, this.#zeros(name)] as const);
    const spent = request.ownsBuffers ? buffersOf(request.feeds) : [];
    return { outputs: Object.fromEntries(outputs), runMs: this.#time.runMs, spent };
  }

  async release(): Promise<void> {
    this.#isReleased = true;
  }

  /** @returns when it ended, simulated ms */
  async #work(request: RunRequest, signal: AbortSignal | undefined): Promise<number> {
    if (this.#isReleased) throw new MeshError('INTERNAL', `The session of ${this.model.name} was released.`);
    const { slots, processor } = this.#parts;
    checkRun(this.model, request, slots);
    requireWeights(this.model, request.weights);
    const endedMs = await processor.work(this.#time.runMs);
    for (const slot of request.drop ?? []) slots.delete(slot);
    // Whoever gave up will not drop what it would have kept.
    if (!signal?.aborted) this.#remember(request.keep ?? {});
    return endedMs;
  }

  #remember(keep: Readonly<Record<string, string>>): void {
    for (const port of this.model.outputs) {
      const slot = keep[port.name];
      if (slot !== undefined) this.#parts.slots.set(slot, port);
    }
  }

  #zeros(name: string): Tensor {
    return zeros(this.model.outputs.find((port) => port.name === name)!);
  }
}
