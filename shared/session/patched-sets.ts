/**
 * LoRA-patched weight sets of one network, the ones used last kept within a budget of bytes. The base set is never written,
 * so what is asked for again is there without patching, and nothing is ever un-patched.
 */
import { LRUCache } from 'lru-cache';
import type { TensorMap } from '#shared/tensor/tensor.ts';
import type { WeightSet } from './device.ts';

/** See the head of this file. Used by one actor: a set stays valid until the next `get`. */
export class PatchedSets {
  readonly base: WeightSet;
  readonly #maxBytes: number;
  readonly #sets: LRUCache<string, WeightSet>;
  #oversized: { readonly key: string; readonly set: WeightSet } | undefined;

  constructor(base: WeightSet, options: { readonly maxBytes: number }) {
    this.base = base;
    this.#maxBytes = options.maxBytes;
    this.#sets = new LRUCache({
      maxSize: Math.max(options.maxBytes, 1),
      sizeCalculation: (set) => Math.max(set.ownBytes, 1),
      dispose: (set) => void set.release(), // frees memory only; a lost device has none left
    });
  }

  /** Keys of what is resident. */
  get keys(): string[] {
    const { key } = this.#oversized ?? {};
    return key === undefined ? [...this.#sets.keys()] : [...this.#sets.keys(), key];
  }

  /**
   * The set of a key, patched from `factors` when it is not resident.
   * A set larger than the whole budget is still made: it lives until another one has to be.
   */
  async get(key: string, factors: () => Promise<TensorMap>): Promise<WeightSet> {
    const resident = this.#oversized?.key === key ? this.#oversized.set : this.#sets.get(key);
    if (resident) return resident;
    await this.#releaseOversized();
    const set = await this.base.patch(await factors());
    if (set.ownBytes > this.#maxBytes) this.#oversized = { key, set };
    else this.#sets.set(key, set);
    return set;
  }

  async #releaseOversized(): Promise<void> {
    const oversized = this.#oversized;
    this.#oversized = undefined;
    await oversized?.set.release();
  }
}
