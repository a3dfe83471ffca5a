/**
 * Owns the weight arrays of a device. Sets share arrays; an array is freed when the last set that holds it goes.
 *
 * S1 The content of an array never changes once it is stored.
 * S2 An array's memory is given back at once, not when the collector comes: a patched set may be gigabytes, and
 *    the collector sees only a small object. (SharedArrayBuffers cannot be given back and are not counted by V8, so 600 MB
 *    that come and go thirty times leave 6 GB behind.)
 */
import { MeshError } from '#shared/errors/errors.ts';

interface Held {
  readonly array: Float32Array<ArrayBuffer>;
  holders: number;
}

function drop(held: Held): void {
  held.holders--;
  // Detaching frees the memory; there is no other way to say it.
  if (held.holders === 0) held.array.buffer.transfer(0);
}

/** See the head of this file. */
export class WeightStore {
  readonly #sets = new Map<string, Map<string, Held>>();

  add(set: string, arrays: ReadonlyMap<string, Float32Array<ArrayBuffer>>): void {
    this.#sets.set(set, new Map([...arrays].map(([name, array]) => [name, { array, holders: 1 }])));
  }

  /** A new set that shares every array of `base`. */
  derive(set: string, base: string): void {
    const arrays = new Map(this.#get(base));
    for (const held of arrays.values()) held.holders++;
    this.#sets.set(set, arrays);
  }

  /** Puts another array in the place of one that the set has. */
  replace(set: string, name: string, array: Float32Array<ArrayBuffer>): void {
    const arrays = this.#get(set);
    drop(this.#held(set, name));
    arrays.set(name, { array, holders: 1 });
  }

  /** @throws MeshError WEIGHT_MISSING when the set has no such weight */
  array(set: string, name: string): Float32Array<ArrayBuffer> {
    return this.#held(set, name).array;
  }

  /** An unknown set is ignored. */
  release(set: string): void {
    for (const held of this.#sets.get(set)?.values() ?? []) drop(held);
    this.#sets.delete(set);
  }

  #held(set: string, name: string): Held {
    const held = this.#get(set).get(name);
    if (!held) throw new MeshError('WEIGHT_MISSING', `Weight ${name} was not loaded on this device.`, { weight: name });
    return held;
  }

  #get(set: string): Map<string, Held> {
    const arrays = this.#sets.get(set);
    if (!arrays) throw new MeshError('INTERNAL', 'The weight set was released, or is of another device.', { set });
    return arrays;
  }
}
