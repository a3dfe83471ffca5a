/**
 * Owns the weight arrays of a device. Sets share arrays; an array is freed when the last set that holds it goes.
 * Base sets that are patched lie in shared memory, where the thread that patches reads them.
 *
 * S1 The content of an array never changes once it is stored.
 * S2 An array's memory is given back at once, not when the collector comes: a patched set may be gigabytes, and
 *    the collector sees only a small object. Shared memory is the exception: it cannot be given back and is not counted by
 *    V8, so 600 MB of it that come and go thirty times leave 6 GB behind. Only what lives as long as the process is shared.
 */
import { MeshError } from '#shared/errors/errors.ts';

interface Held {
  readonly array: Float32Array;
  holders: number;
}

function drop(held: Held): void {
  held.holders--;
  const { buffer } = held.array;
  // Detaching frees the memory; there is no other way to say it.
  if (held.holders === 0 && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** See the head of this file. */
export class WeightStore {
  readonly #sets = new Map<string, Map<string, Held>>();

  /** Makes a set, or adds to the one that is there. */
  add(set: string, arrays: ReadonlyMap<string, Float32Array>): void {
    const held = this.#sets.get(set) ?? new Map<string, Held>();
    for (const [name, array] of arrays) held.set(name, { array, holders: 1 });
    this.#sets.set(set, held);
  }

  /** A new set that shares every array of `base` but those replaced; new names are added. */
  derive(set: string, base: string, replaced: ReadonlyMap<string, Float32Array>): void {
    const arrays = new Map(this.#get(base));
    for (const [name, array] of replaced) arrays.set(name, { array, holders: 0 });
    for (const held of arrays.values()) held.holders++;
    this.#sets.set(set, arrays);
  }

  /** @throws MeshError WEIGHT_MISSING when the set has no such weight */
  array(set: string, name: string): Float32Array {
    const array = this.find(set, name);
    if (array) return array;
    throw new MeshError('WEIGHT_MISSING', `Weight ${name} was not loaded on this device.`, { weight: name });
  }

  /** An array that the set may lack. */
  find(set: string, name: string): Float32Array | undefined {
    return this.#get(set).get(name)?.array;
  }

  /** An unknown set is ignored. */
  release(set: string): void {
    for (const held of this.#sets.get(set)?.values() ?? []) drop(held);
    this.#sets.delete(set);
  }

  #get(set: string): Map<string, Held> {
    const arrays = this.#sets.get(set);
    if (!arrays) throw new MeshError('INTERNAL', 'The weight set was released, or is of another device.', { set });
    return arrays;
  }
}
