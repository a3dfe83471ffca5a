/**
 * One network at whatever sizes are asked for. Graphs have static shapes, so each size has its own session; the sizes used
 * last are kept open, and all of them share the weight sets.
 */
import { LRUCache } from 'lru-cache';
import type { Branches, GraphModel, WeightVariant } from '#shared/graph/graph-model.ts';
import { withSpan } from '#shared/telemetry/tracing.ts';
import type { Device, RunRequest, RunResult, Session, WeightSet } from './device.ts';
import { zeros } from './zeros.ts';

/** Half a second on one slow core: a warm-up must not keep people waiting for more than it spares them. */
const WARM_UP_MAX_FLOPS = 40e9;

/** What a network is made of. */
export interface NetworkOptions<Shape> {
  readonly device: Device;
  /** Writes the graph for a shape, with its weights as the device takes them. */
  readonly build: (shape: Shape, variant: WeightVariant) => GraphModel;
  /** Equal for equal shapes: `2x64x64`. */
  readonly key: (shape: Shape) => string;
  /** Sessions kept open. A session that runs or waits beyond that ends its work before it is released. */
  readonly maxShapes: number;
}

/** See the head of this file. */
export class Network<Shape> {
  readonly #options: NetworkOptions<Shape>;
  /** Promises, so that runs of one shape that come at once open it once. */
  readonly #sessions: LRUCache<string, Promise<Session>>;
  readonly #releasing = new Set<Promise<void>>();

  constructor(options: NetworkOptions<Shape>) {
    this.#options = options;
    this.#sessions = new LRUCache({ max: options.maxShapes, dispose: (session) => this.#release(session) });
  }

  /**
   * Opens the session for the shape if it is not open, and runs it, in a span that tells the time in the runtime.
   * Throws what `build`, `Device.open` and `Session.run` throw.
   */
  async run(shape: Shape, request: RunRequest, signal?: AbortSignal): Promise<RunResult> {
    // Nothing may come between the cached promise and this await: a release is chained to the same promise, later,
    // and so queues behind this run.
    const session = await this.#session(shape, request.weights);
    return withSpan(`run ${session.model.name}`, {}, async (span) => {
      const result = await session.run(request, signal);
      span.set({ 'latentmesh.run_ms': result.runMs, 'latentmesh.device': this.#options.device.name });
      return result;
    });
  }

  /**
   * Opens the session for a shape before it is asked for. Where a run is cheap it is run once as well, on zeros: the first
   * run of a session allocates what later ones use again. Throws what `run` throws.
   */
  async warmUp(shape: Shape, weights: WeightSet): Promise<void> {
    const session = await this.#session(shape, weights);
    const { inputs, outputs, cost } = session.model;
    if (cost.flops > WARM_UP_MAX_FLOPS) return;
    const feeds = Object.fromEntries(inputs.map((port) => [port.name, zeros(port)]));
    await session.run({ feeds, weights, outputs: outputs.map((port) => port.name) });
  }

  /** Releases every session; the network may be used again after it. */
  async release(): Promise<void> {
    this.#sessions.clear();
    await Promise.all(this.#releasing);
  }

  #session(shape: Shape, { branches }: WeightSet): Promise<Session> {
    const key = this.#options.key(shape) + branchesKey(branches);
    const open = this.#sessions.get(key);
    if (open) return open;
    const { device, build } = this.#options;
    const opening = device.open(build(shape, device.loraStrategy === 'fed' ? {} : besideConstants(branches)));
    this.#sessions.set(key, opening);
    opening.catch(() => this.#forget(key, opening));
    return opening;
  }

  /** A failed opening is not remembered, unless another has taken its place. */
  #forget(key: string, opening: Promise<Session>): void {
    if (this.#sessions.peek(key) === opening) this.#sessions.delete(key);
  }

  #release(opening: Promise<Session>): void {
    const releasing = opening.then(
      (session) => session.release(),
      () => undefined,
    );
    const forget = (): boolean => this.#releasing.delete(releasing);
    this.#releasing.add(releasing);
    releasing.then(forget, forget);
  }
}

function besideConstants(branches: Branches | undefined): WeightVariant {
  return { weightMode: () => 'constant', branches };
}

/** ` rank 64`, ` rank 64 everywhere` */
function branchesKey(branches: Branches | undefined): string {
  return branches ? ` rank ${branches.rank}${branches.hasKernels ? ' everywhere' : ''}` : '';
}
