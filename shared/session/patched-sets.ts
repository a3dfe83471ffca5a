/**
 * LoRA-patched weight sets of one network, within a budget of bytes. The base set is never written, so what is asked for
 * again is there without patching, and nothing is ever un-patched.
 *
 * L1 A set that somebody holds is never freed.
 * L2 Who asks for one key at once gets one set, patched once.
 * L3 Sets in use, in the making and resident stay within the budget together: the ones used longest ago leave before the new
 *    one is made, and what does not fit beside sets in use waits for them. A set beyond the whole budget is made when it is
 *    the only one.
 * L4 A set that nobody waits for any more is not made to its end.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { unlessAborted } from '#shared/errors/unless-aborted.ts';
import type { TensorMap } from '#shared/tensor/tensor.ts';
import { patchedWeights } from '#shared/tensor/weight-change.ts';
import type { WeightSet } from './device.ts';
import { InOrder } from './in-order.ts';

/** A set in use. It stays until it is released; whoever holds one must not wait for another. */
export interface Lease {
  readonly weights: WeightSet;
  /** Lets it go; idempotent. */
  release(): void;
}

/** Reads the factors of a set; the signal aborts when nobody waits for them any more. */
export type LoadFactors = (signal: AbortSignal) => Promise<TensorMap>;

interface Entry {
  readonly key: string;
  readonly set: Promise<WeightSet>;
  readonly abort: AbortController;
  holders: number;
  /** 0 until its factors are known, and after it was freed. */
  bytes: number;
  ready: WeightSet | undefined;
}

/** See the head of this file. */
export class PatchedSets {
  readonly base: WeightSet;
  readonly #maxBytes: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  #usedBytes = 0;
  /**
   * Room is given in the order in which sets were asked for, whatever comes first of their factors: the later one's holder
   * may be waiting behind the earlier one's.
   */
  readonly #rooms = new InOrder();
  #onChange: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(base: WeightSet, options: { readonly maxBytes: number }) {
    this.base = base;
    this.#maxBytes = options.maxBytes;
  }

  /** Keys of what is resident, the ones used last behind. */
  get keys(): string[] {
    return [...this.#entries.values()].filter((entry) => entry.ready).map(({ key }) => key);
  }

  /** Bytes of all sets, also of those in the making. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether a set could be had at once. */
  has(key: string): boolean {
    return this.#entries.get(key)?.ready !== undefined;
  }

  /**
   * The set of a key, made of `factors` when it is not resident.
   * @throws MeshError what `factors` and `WeightSet.patch` throw; the signal's reason (MeshError, else CANCELLED)
   */
  async acquire(key: string, factors: LoadFactors, signal?: AbortSignal): Promise<Lease> {
    const known = this.#entries.get(key);
    const hold = (): Entry => this.#hold(key, factors);
    // Those before may wait for the room of a set that nobody holds yet.
    const isIdle = known?.holders === 0;
    const entry = isIdle ? await this.#rooms.run((isNext) => unlessAborted(isNext, signal).then(hold)) : hold();
    const release = once(() => this.#release(entry));
    try {
      return { weights: await unlessAborted(entry.set, signal), release };
    } catch (thrown) {
      release();
      // What failed for another may have been another's deadline.
      if (!known || signal?.aborted) throw thrown;
      return this.acquire(key, factors, signal);
    }
  }

  #hold(key: string, factors: LoadFactors): Entry {
    const entry = this.#entries.get(key) ?? this.#add(key, factors);
    this.#entries.delete(key); // the last one used is behind
    this.#entries.set(key, entry);
    entry.holders++;
    return entry;
  }

  #add(key: string, factors: LoadFactors): Entry {
    const { promise: set, resolve, reject } = Promise.withResolvers<WeightSet>();
    const entry: Entry = { key, set, abort: new AbortController(), holders: 0, bytes: 0, ready: undefined };
    this.#make(entry, factors).then(resolve, reject);
    set.catch(() => this.#forget(entry)); // told to whoever waits
    return entry;
  }

  async #make(entry: Entry, factors: LoadFactors): Promise<WeightSet> {
    const { signal } = entry.abort;
    const loaded = await this.#rooms.run(async (isNext) => {
      const loading = await factors(signal);
      await isNext;
      await this.#makeRoom(entry, this.base.bytesWith(patchedWeights(loading)));
      return loading;
    });
    const set = await this.base.patch(loaded, signal);
    if (signal.aborted) {
      await set.release();
      throw MeshError.fromAbort(signal);
    }
    this.#usedBytes += set.ownBytes - entry.bytes; // other devices hold other amounts
    entry.bytes = set.ownBytes;
    entry.ready = set;
    return set;
  }

  async #makeRoom(entry: Entry, bytes: number): Promise<void> {
    const released: Promise<void>[] = [];
    while (!this.#fits(bytes)) {
      const idle = [...this.#entries.values()].find(({ ready, holders }) => ready && holders === 0);
      if (idle) released.push(this.#free(idle));
      else await this.#onChange.promise;
      entry.abort.signal.throwIfAborted();
    }
    entry.bytes = bytes;
    this.#usedBytes += bytes;
    await Promise.all(released);
  }

  #fits(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.#maxBytes;
  }

  async #free(entry: Entry): Promise<void> {
    this.#forget(entry);
    await entry.ready?.release(); // frees memory only; a lost device has none left
  }

  /** Idempotent. */
  #forget(entry: Entry): void {
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
    this.#usedBytes -= entry.bytes;
    entry.bytes = 0;
    this.#tellChange();
  }

  #release(entry: Entry): void {
    entry.holders--;
    if (entry.holders > 0) return;
    if (!entry.ready && this.#entries.get(entry.key) === entry) {
      this.#entries.delete(entry.key); // a newcomer begins anew
      entry.abort.abort(new MeshError('CANCELLED', 'Nobody waits for these weights any more.'));
    }
    this.#tellChange();
  }

  #tellChange(): void {
    this.#onChange.resolve();
    this.#onChange = Promise.withResolvers();
  }
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}
