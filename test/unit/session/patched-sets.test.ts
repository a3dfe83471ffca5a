import { beforeAll, describe, expect, it } from 'vitest';
import { MeshError } from '#shared/errors/errors.ts';
import type { Device, Session, WeightSet } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { PatchedSets } from '#shared/session/patched-sets.ts';
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
  base = await device.loadWeights(file, file.weights);
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
function get(sets: PatchedSets, key: string, amount: number): Promise<WeightSet> {
  return sets.get(key, async (): Promise<TensorMap> => {
    patched.push(key);
    return { 'plain.up': f32([1, 1], Float32Array.of(amount)), 'plain.down': f32([1, 2], Float32Array.of(1, 0)) };
  });
}

async function firstElement(weights: WeightSet): Promise<number> {
  const { outputs } = await session.run({ feeds: { x: vector(1, 0) }, weights, outputs: ['y'] });
  return outputs.y!.data[0] as number;
}

describe('patched sets — within a budget', () => {
  it('a set that is resident is not patched again', async () => {
    const sets = newSets(10 * SET_BYTES);
    const first = await get(sets, 'a', 10);
    expect(await get(sets, 'a', 10)).toBe(first);
    expect([patched, sets.keys]).toEqual([['a'], ['a']]);
  });

  it('going back and forth gives the same numbers, and the base is as it was', async () => {
    const sets = newSets(10 * SET_BYTES);
    const seen: number[] = [];
    for (const key of ['a', 'b', 'a']) seen.push(await firstElement(await get(sets, key, key === 'a' ? 10 : 20)));
    expect([...seen, await firstElement(sets.base)]).toEqual([11, 21, 11, 1]);
  });

  it('the one used longest ago leaves when the budget is full', async () => {
    const sets = newSets(2 * SET_BYTES);
    for (const key of ['a', 'b', 'a', 'c']) await get(sets, key, 10);
    expect(sets.keys.toSorted()).toEqual(['a', 'c']);
    await get(sets, 'b', 10);
    expect(patched).toEqual(['a', 'b', 'c', 'b']);
  });

  it('a set beyond the whole budget lives until another one has to be made', async () => {
    const sets = newSets(SET_BYTES - 1);
    const large = await get(sets, 'a', 10);
    expect(await get(sets, 'a', 10)).toBe(large);
    expect(await firstElement(large)).toBe(11);
    expect(sets.keys).toEqual(['a']);
    expect(await firstElement(await get(sets, 'b', 20))).toBe(21);
    expect(sets.keys).toEqual(['b']);
    expect(patched).toEqual(['a', 'b']);
  });

  it('a failure leaves what is there, and is tried again the next time', async () => {
    const sets = newSets(10 * SET_BYTES);
    const lost = sets.get('a', async () => {
      throw new MeshError('UNKNOWN_LORA', 'It is gone.');
    });
    expect((await failure(lost)).code).toBe('UNKNOWN_LORA');
    expect(sets.keys).toEqual([]);
    expect(await firstElement(await get(sets, 'a', 10))).toBe(11);
  });
});
