/**
 * Who is there: the instances of the mesh, from their heartbeats. An instance is lost when it falls silent or when a newcomer
 * fills its slot; work that waits for it hears of that through `lost`. One that leaves finishes what it has and gets nothing new.
 */
import { type Heartbeat, Heartbeat as HeartbeatSchema, LOST_AFTER_MS, type Role } from '#shared/contracts/heartbeat.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { choose, type Wish } from './choose.ts';

/** One instance as the directory sees it: its last heartbeat, with the load that this process has added or taken since. */
interface Entry {
  heartbeat: Heartbeat;
  seenUnixMs: number;
  readonly lost: AbortController;
}

/** See the head of this file. */
export class Directory {
  readonly #entries = new Map<string, Entry>();
  /** An event named for its role whenever that may have room again. */
  readonly #changes = new EventTarget();
  readonly #now: () => number;
  readonly #onReplaced: (instance: string) => void;
  #sweptUnixMs: number;

  /** `onReplaced` hears of instances whose slot a newcomer fills: unlike a silent one such an instance is certainly dead. */
  constructor(options: { readonly now: () => number; readonly onReplaced?: (instance: string) => void }) {
    this.#now = options.now;
    this.#onReplaced = options.onReplaced ?? (() => {});
    this.#sweptUnixMs = options.now();
  }

  /**
   * Takes a heartbeat as it came over the bus; what is none is ignored, since it may come from a newer peer.
   * @returns whether it came from an instance not known before
   */
  hear(body: unknown): boolean {
    const heartbeat = HeartbeatSchema.safeParse(body).data;
    if (!heartbeat || this.#isReplaced(heartbeat)) return false;
    const known = this.#entries.get(heartbeat.instance);
    if (known) {
      known.heartbeat = heartbeat;
      known.seenUnixMs = this.#now();
    } else {
      this.#retireSlot(heartbeat);
      this.#entries.set(heartbeat.instance, { heartbeat, seenUnixMs: this.#now(), lost: new AbortController() });
    }
    this.#tellChange(heartbeat.role);
    return !known;
  }

  /** Forgets who has been silent for too long. Called about once a heartbeat while the bus is connected. */
  sweep(): void {
    // Whoever calls this has slept itself, with the whole machine: others had no chance to be heard.
    if (this.#now() - this.#sweptUnixMs > LOST_AFTER_MS) this.excuse();
    this.#sweptUnixMs = this.#now();
    for (const [instance, entry] of this.#entries) {
      const silentMs = this.#now() - entry.seenUnixMs;
      if (silentMs > LOST_AFTER_MS) this.#lose(instance, `silent for ${silentMs} ms`);
    }
  }

  /** Counts everyone's silence from now: the connection was away, which is no fault of theirs. */
  excuse(): void {
    for (const entry of this.#entries.values()) entry.seenUnixMs = this.#now();
  }

  /** Drops an instance that turned out to be gone before its silence showed it. One that leaves only takes nothing new. */
  forget(instance: string): void {
    if (this.#entries.get(instance)?.heartbeat.leaving) return;
    this.#lose(instance, 'nobody answers for it');
  }

  /** Every live instance, of one role or of all. */
  instances(role?: Role): Heartbeat[] {
    const all = [...this.#entries.values()].map((entry) => entry.heartbeat);
    return role ? all.filter((heartbeat) => heartbeat.role === role) : all;
  }

  /**
   * The best instance for a piece of work; its load is counted up at once, so that a burst spreads before the next
   * heartbeat. Followed by `release` or `fill`.
   */
  pick(role: Role, wish: Wish = {}): Heartbeat | undefined {
    const chosen = choose(this.instances(role), wish);
    if (chosen) this.#setLoad(chosen.instance, chosen.load + 1);
    return chosen;
  }

  /** The work that an instance was picked for has ended. A heartbeat in between may have counted it or not, so zero is the least. */
  release(instance: string): void {
    const heartbeat = this.#entries.get(instance)?.heartbeat;
    if (!heartbeat) return;
    this.#setLoad(instance, Math.max(heartbeat.load - 1, 0));
    this.#tellChange(heartbeat.role);
  }

  /** An instance has refused the work it was picked for: it is full until it says otherwise, or work of ours there ends. */
  fill(instance: string): void {
    this.#setLoad(instance, this.#entries.get(instance)?.heartbeat.capacity ?? 0);
  }

  /** Aborts when the instance is lost, with ACTOR_LOST as its reason. */
  lost(instance: string): AbortSignal {
    const entry = this.#entries.get(instance);
    return entry?.lost.signal ?? AbortSignal.abort(lostError(instance, 'it is not known here'));
  }

  /**
   * Resolves when a role may have room again: at a heartbeat of an instance, or when work that we picked for ends.
   * @throws MeshError the signal's reason, else CANCELLED
   */
  nextChange(role: Role, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(MeshError.fromAbort(signal));
      const onAbort = (): void => {
        this.#changes.removeEventListener(role, onChange);
        reject(MeshError.fromAbort(signal));
      };
      const onChange = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      this.#changes.addEventListener(role, onChange, { once: true });
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** A last word of a dead instance may come after the first of its successor. */
  #isReplaced({ instance, slot, started_unix_ms }: Heartbeat): boolean {
    return this.instances().some(
      (other) => other.slot === slot && other.instance !== instance && other.started_unix_ms > started_unix_ms,
    );
  }

  #retireSlot(newcomer: Heartbeat): void {
    for (const [instance, entry] of this.#entries) {
      if (entry.heartbeat.slot !== newcomer.slot) continue;
      this.#lose(instance, `replaced by ${newcomer.instance}`);
      this.#onReplaced(instance);
    }
  }

  #setLoad(instance: string, load: number): void {
    const entry = this.#entries.get(instance);
    if (entry) entry.heartbeat = { ...entry.heartbeat, load };
  }

  #tellChange(role: Role): void {
    this.#changes.dispatchEvent(new Event(role));
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
