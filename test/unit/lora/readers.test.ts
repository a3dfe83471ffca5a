import { describe, expect, it } from 'vitest';
import { Readers } from '../../../services/lora/readers.ts';

const never = new AbortController().signal;

describe('lora — readers', () => {
  it('a slow file keeps nobody waiting who wants another, as long as there are readers', async () => {
    const slow = Promise.withResolvers<string>();
    const readers = new Readers(4, (name: string) => (name === 'slow' ? slow.promise : Promise.resolve(name)));
    const first = readers.offer('slow', never);
    expect(await Promise.all(['a', 'b', 'c'].map((name) => readers.offer(name, never)))).toEqual(['a', 'b', 'c']);
    expect(readers.load).toBe(1);
    slow.resolve('at last');
    expect(await first).toBe('at last');
  });

  it('finishes what all of them have, and takes nothing new', async () => {
    const gate = Promise.withResolvers<string>();
    const readers = new Readers(2, () => gate.promise);
    const taken = [readers.offer('a', never), readers.offer('b', never)];
    const drained = readers.drain();
    await expect(readers.offer('c', never)).rejects.toMatchObject({ code: 'DRAINING' });
    gate.resolve('read');
    await drained;
    expect(await Promise.all(taken)).toEqual(['read', 'read']);
    expect([readers.load, readers.capacity]).toEqual([0, 34]);
  });
});
