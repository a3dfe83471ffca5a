/**
 * Who is there: the instances of the mesh, from their heartbeats. An instance is lost when it falls silent, says that it
 * leaves, or when a newcomer fills its slot; work that waits for it hears of that through `lost`.
 */
import { type Heartbeat, Heartbeat as HeartbeatSchema, LOST_AFTER_MS, type Role } from '#shared/contracts/heartbeat.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { choose, type Wish } from './choose.ts';

/** One instance as the directory sees it. */
interface Entry {
  heartbeat: Heartbeat;
  seenUnixMs: number;
  readonly lost: AbortController;
}

/** See the head of this file. */
export class Directory {
  readonly #entries = new Map<string, Entry>();
  readonly #newcomers = new EventTarget();
  readonly #now: () => number;

  constructor(options: { readonly now: () => number }) {
    this.#now = options.now;
  }

  /**
   * Takes a heartbeat as it came over the bus; what is none is ignored, since it may come from a newer peer.
   * @returns whether it came from an instance not known before
   */
  hear(body: unknown): boolean {
    const parsed = HeartbeatSchema.safeParse(body);
    if (!parsed.success) return false;
    const heartbeat = parsed.data;
    const known = this.#entries.get(heartbeat.instance);
    if (known) {
      known.heartbeat = heartbeat;
      known.seenUnixMs = this.#now();
    } else {
      this.#retireSlot(heartbeat);
      this.#entries.set(heartbeat.instance, { heartbeat, seenUnixMs: this.#now(), lost: new AbortController() });
    }
    if (!heartbeat.leaving) this.#newcomers.dispatchEvent(new Event(heartbeat.role));
    return !known;
  }

  /** Forgets who has been silent for too long. Called about once a heartbeat. */
  sweep(): void {
    for (const [instance, entry] of this.#entries) {
      const silentMs = this.#now() - entry.seenUnixMs;
      if (silentMs > LOST_AFTER_MS) this.#lose(instance, `silent for ${silentMs} ms`);
    }
  }

  /** Drops an instance that turned out to be gone before its silence showed it. */
  forget(instance: string): void {
    this.#lose(instance, 'nobody answers for it');
  }

  /** Every live instance, of one role or of all. */
  instances(role?: Role): Heartbeat[] {
    const all = [...this.#entries.values()].map((entry) => entry.heartbeat);
    return role ? all.filter((heartbeat) => heartbeat.role === role) : all;
  }

  /** The best instance for a piece of work; its load is counted up at once, so that a burst spreads before the next heartbeat. */
  pick(role: Role, wish: Wish = {}): Heartbeat | undefined {
    const chosen = choose(this.instances(role), wish);
    const entry = chosen && this.#entries.get(chosen.instance);
    if (entry) entry.heartbeat = { ...entry.heartbeat, load: entry.heartbeat.load + 1 };
    return chosen;
  }

  /** Aborts when the instance is lost, with ACTOR_LOST as its reason. */
  lost(instance: string): AbortSignal {
    const entry = this.#entries.get(instance);
    return entry?.lost.signal ?? AbortSignal.abort(lostError(instance, 'unknown'));
  }

  /** Resolves at the next heartbeat of a role. @throws the signal's reason */
  nextHeartbeat(role: Role, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#newcomers.removeEventListener(role, onHeartbeat);
        reject(signal.reason);
      };
      const onHeartbeat = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#newcomers.addEventListener(role, onHeartbeat, { once: true });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  #retireSlot(newcomer: Heartbeat): void {
    for (const [instance, entry] of this.#entries) {
      if (entry.heartbeat.slot === newcomer.slot) this.#lose(instance, `replaced by ${newcomer.instance}`);
    }
  }

  #lose(instance: string, reason: string): void {
    const entry = this.#entries.get(instance);
    if (!entry) return;
    this.#entries.delete(instance);
    entry.lost.abort(lostError(instance, reason));
  }
}

function lostError(instance: string, reason: string): MeshError {
  return new MeshError('ACTOR_LOST', `The instance ${instance} is gone: ${reason}.`, { instance, reason });
}
