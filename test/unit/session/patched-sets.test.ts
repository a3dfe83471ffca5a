import { beforeAll, describe, expect, it } from 'vitest';
import { MeshError } from '#shared/errors/errors.ts';
import type { Device, Session, WeightSet } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { type Lease, PatchedSets } from '#shared/session/patched-sets.ts';
import { f32, type TensorMap } from '#shared/tensor/tensor.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { linear, vector } from '#test/contract/session/graphs.ts';
import { WeightFile } from '#test/contract/session/weight-file.ts';

/** Bytes of a patched set: the one weight, f32 [1, 2]. */
const SET_BYTES = 8;

let device: Device;
let file: WeightFile;
let base: WeightSet;
let session: Session;
/** How often factors were asked for. */
let patched: string[] = [];

beforeAll(async () => {
  device = await openDevice({ device: 'cpu', threads: 1 });
  file = new WeightFile({ plain: { dtype: 'f32', shape: [1, 2], data: Float32Array.of(1, 2) } });
  base = await device.loadWeights(file, file.weights, { isPatchable: true });
  session = await device.open(linear(file, 'plain'));
  return async () => {
    await device.close();
    file.remove();
  };
});

function newSets(maxBytes: number): PatchedSets {
  patched = [];
  return new PatchedSets(base, { maxBytes });
}

/** Adds `amount` to the first element. */
function changeBy(amount: number): TensorMap {
  return { 'plain.up': f32([1, 1], Float32Array.of(amount)), 'plain.down': f32([1, 2], Float32Array.of(1, 0)) };
}

/** A set in use. */
function acquire(sets: PatchedSets, key: string, amount: number): Promise<Lease> {
  return sets.acquire(key, async () => {
    patched.push(key);
    return changeBy(amount);
  });
}

/** A set that was used and let go. */
async function use(sets: PatchedSets, key: string, amount: number): Promise<WeightSet> {
  const lease = await acquire(sets, key, amount);
  lease.release();
  return lease.weights;
}

async function firstElement(weights: WeightSet): Promise<number> {
  const { outputs } = await session.run({ feeds: { x: vector(1, 0) }, weights, outputs: ['y'] });
  return outputs.y!.data[0] as number;
}

describe('patched sets — within a budget', () => {
  it('a set that is resident is not patched again', async () => {
    const sets = newSets(10 * SET_BYTES);
    const first = await use(sets, 'a', 10);
    expect(await use(sets, 'a', 10)).toBe(first);
    expect([patched, sets.keys]).toEqual([['a'], ['a']]);
  });

  it('going back and forth gives the same numbers, and the base is as it was', async () => {
    const sets = newSets(10 * SET_BYTES);
    const seen: number[] = [];
    for (const key of ['a', 'b', 'a']) seen.push(await firstElement(await use(sets, key, key === 'a' ? 10 : 20)));
    expect([...seen, await firstElement(sets.base)]).toEqual([11, 21, 11, 1]);
  });

  it('L3: the one used longest ago leaves when the budget is full', async () => {
    const sets = newSets(2 * SET_BYTES);
    for (const key of ['a', 'b', 'a', 'c']) await use(sets, key, 10);
    expect(sets.keys.toSorted()).toEqual(['a', 'c']);
    await use(sets, 'b', 10);
    expect(patched).toEqual(['a', 'b', 'c', 'b']);
  });

  it('L3: a set beyond the whole budget lives until another one has to be made', async () => {
    const sets = newSets(SET_BYTES - 1);
    const large = await use(sets, 'a', 10);
    expect(await use(sets, 'a', 10)).toBe(large);
    expect(await firstElement(large)).toBe(11);
    expect(sets.keys).toEqual(['a']);
    expect(await firstElement(await use(sets, 'b', 20))).toBe(21);
    expect(sets.keys).toEqual(['b']);
    expect(patched).toEqual(['a', 'b']);
  });

  it('L3: room is given in the order in which sets were asked for, though the factors of a later one come first', async () => {
    const sets = newSets(SET_BYTES);
    const slow = Promise.withResolvers<TensorMap>();
    const first = sets.acquire('slow', () => slow.promise);
    let isGiven = false;
    const second = acquire(sets, 'quick', 20).then((lease) => {
      isGiven = true;
      return lease;
    });
    await use(newSets(SET_BYTES), 'another', 1); // by now its factors are there
    expect(isGiven).toBe(false);
    slow.resolve(changeBy(10));
    const lease = await first;
    expect(await firstElement(lease.weights)).toBe(11);
    lease.release();
    expect(await firstElement((await second).weights)).toBe(21);
  });

  it('L3: a resident set does not go to a later one while an earlier one waits for its room', async () => {
    const sets = newSets(SET_BYTES);
    await use(sets, 'a', 10);
    const read = Promise.withResolvers<TensorMap>();
    const first = sets.acquire('b', () => read.promise);
    const second = acquire(sets, 'a', 10);
    read.resolve(changeBy(20));
    const lease = await first;
    expect(await firstElement(lease.weights)).toBe(21);
    lease.release();
    expect(await firstElement((await second).weights)).toBe(11);
  });

  it('L3: a thousand different ones in a row stay inside it', async () => {
    const sets = newSets(3 * SET_BYTES);
    let largest = 0;
    for (let i = 0; i < 1000; i++) {
      await use(sets, `${i}`, i);
      largest = Math.max(largest, sets.usedBytes);
    }
    expect(largest).toBe(3 * SET_BYTES);
    expect(sets.keys).toEqual(['997', '998', '999']);
  });

  it('a failure leaves what is there, and is tried again the next time', async () => {
    const sets = newSets(10 * SET_BYTES);
    const lost = sets.acquire('a', async () => {
      throw new MeshError('UNKNOWN_LORA', 'It is gone.');
    });
    expect((await failure(lost)).code).toBe('UNKNOWN_LORA');
    expect([sets.keys, sets.usedBytes]).toEqual([[], 0]);
    expect(await firstElement(await use(sets, 'a', 10))).toBe(11);
  });
});

describe('patched sets — in use', () => {
  it('L1: what somebody holds stays, and another one waits until there is room beside it', async () => {
    const sets = newSets(SET_BYTES);
    const held = await acquire(sets, 'a', 10);
    const next = acquire(sets, 'b', 20);
    expect(await firstElement(held.weights)).toBe(11);
    expect(sets.keys).toEqual(['a']);
    held.release();
    expect(await firstElement((await next).weights)).toBe(21);
    expect(sets.keys).toEqual(['b']);
  });

  it('L1: held twice, released once is still held', async () => {
    const sets = newSets(SET_BYTES);
    const [first, second] = [await acquire(sets, 'a', 10), await acquire(sets, 'a', 10)];
    first.release();
    first.release();
    const next = acquire(sets, 'b', 20);
    expect(await firstElement(second.weights)).toBe(11);
    second.release();
    await next;
  });

  it('L2: who asks for one key at once gets one set', async () => {
    const sets = newSets(10 * SET_BYTES);
    const leases = await Promise.all([1, 2, 3].map(() => acquire(sets, 'a', 10)));
    expect(new Set(leases.map(({ weights }) => weights)).size).toBe(1);
    expect(patched).toEqual(['a']);
  });

  it('L2: the failure of who came first is not that of who joined', async () => {
    const sets = newSets(10 * SET_BYTES);
    const first = sets.acquire('a', async () => {
      throw new MeshError('DEADLINE_EXCEEDED', 'Too late.');
    });
    const second = acquire(sets, 'a', 10);
    expect((await failure(first)).code).toBe('DEADLINE_EXCEEDED');
    expect(await firstElement((await second).weights)).toBe(11);
  });

  it('L4: what nobody waits for any more is given up, and leaves nothing', async () => {
    const sets = newSets(10 * SET_BYTES);
    const controller = new AbortController();
    const loading = Promise.withResolvers<AbortSignal>();
    const factors = Promise.withResolvers<TensorMap>();
    const given = sets.acquire(
      'a',
      (signal) => {
        loading.resolve(signal);
        return factors.promise;
      },
      controller.signal,
    );
    const signal = await loading.promise;
    controller.abort();
    expect((await failure(given)).code).toBe('CANCELLED');
    expect(signal.aborted).toBe(true);
    factors.resolve(changeBy(10));
    expect(await firstElement(await use(sets, 'a', 20))).toBe(21);
    expect(sets.usedBytes).toBe(SET_BYTES);
  });
});
