import { beforeEach, describe, expect, it } from 'vitest';
import { createMersenneTwister } from '#shared/diffusion/mersenne-twister.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { failure, type Gate, gate } from '#test/contract/bus/harness.ts';
import { settle } from '#test/contract/bus/manual-clock.ts';
import { Shelf, type Wanted } from '../../../services/controlnet/shelf.ts';

let shelf: Shelf<string>;
let made: string[];
let disposed: string[];
const forever = new AbortController().signal;

beforeEach(() => {
  [made, disposed] = [[], []];
  shelf = new Shelf({ budgetBytes: 10, dispose: async (item) => void disposed.push(item) });
});

function wanted(key: string, sizeBytes = 5, before: Promise<void> = Promise.resolve()): Wanted<string> {
  const make = async (): Promise<string> => {
    await before;
    made.push(key);
    return key;
  };
  return { key, name: key, sizeBytes, make };
}

/** Borrows until told. */
function lend(key: string, sizeBytes = 5): { readonly back: Gate; readonly done: Promise<string> } {
  const back = gate();
  const done = shelf.use(wanted(key, sizeBytes), forever, async (item) => {
    await back.opened;
    return item;
  });
  return { back, done };
}

const look = (key: string, sizeBytes = 5): Promise<string> =>
  shelf.use(wanted(key, sizeBytes), forever, async (item) => item);

describe('shelf', () => {
  it('C4: makes once what several ask for, and keeps it', async () => {
    expect(await Promise.all([look('a'), look('a'), look('b')])).toEqual(['a', 'a', 'b']);
    expect(await look('a')).toBe('a');
    expect([made, shelf.names, shelf.sizeBytes]).toEqual([['a', 'b'], ['b', 'a'], 10]);
  });

  it('C1: what was used longest ago makes room, as much as is needed', async () => {
    for (const key of ['a', 'b']) await look(key);
    await look('a');
    await look('c');
    expect([shelf.names, disposed]).toEqual([['a', 'c'], ['b']]);
    await look('d', 8);
    expect([shelf.names, disposed]).toEqual([['d'], ['b', 'a', 'c']]);
  });

  it('C2: what is lent stays, and whoever needs its room waits', async () => {
    const [a, b] = [lend('a'), lend('b')];
    const c = look('c');
    await settle();
    expect([disposed, shelf.waiting]).toEqual([[], 1]);
    b.back.open();
    expect(await c).toBe('c');
    expect([disposed, shelf.names]).toEqual([['b'], ['a', 'c']]);
    a.back.open();
    expect(await a.done).toBe('a');
  });

  it('C3: nobody overtakes who waits for room, not even for what is there', async () => {
    const a = lend('a', 10);
    const order: string[] = [];
    const all = ['b', 'a', 'b'].map((key) => look(key, 10).then((item) => order.push(item)));
    await settle();
    expect(order).toEqual([]);
    a.back.open();
    await Promise.all(all);
    expect(order).toEqual(['b', 'a', 'b']);
  });

  it('C4: a failure reaches all who wait for it; the next one tries again', async () => {
    const broken = { ...wanted('a'), make: () => Promise.reject(new MeshError('FILE_UNREADABLE', 'gone')) };
    const use = () => failure(shelf.use(broken, forever, async () => {}));
    expect((await Promise.all([use(), use()])).map(({ code }) => code)).toEqual(['FILE_UNREADABLE', 'FILE_UNREADABLE']);
    expect(shelf.sizeBytes).toBe(0);
    expect(await look('a')).toBe('a');
  });

  it('whoever gives up while it waits leaves the line; what is being made is kept', async () => {
    const [a, abort, ready] = [lend('a', 10), new AbortController(), gate()];
    const waiting = failure(shelf.use(wanted('b', 10), abort.signal, async () => {}));
    const next = failure(shelf.use(wanted('c', 10, ready.opened), abort.signal, async () => {}));
    await settle();
    abort.abort(new MeshError('CANCELLED', 'no'));
    expect((await waiting).code).toBe('CANCELLED');
    expect((await next).code).toBe('CANCELLED');
    a.back.open();
    await a.done;
    const late = new AbortController();
    const making = failure(shelf.use(wanted('c', 10, ready.opened), late.signal, async () => {}));
    await settle();
    late.abort();
    expect((await making).code).toBe('CANCELLED');
    ready.open();
    expect(await look('c', 10)).toBe('c');
    expect([made, shelf.waiting]).toEqual([['a', 'c'], 0]);
  });

  it('refuses what can never fit, and lines without an end', async () => {
    expect((await failure(look('a', 11))).code).toBe('OUT_OF_MEMORY');
    const a = lend('a', 10);
    await settle();
    const waiting = Array.from({ length: 64 }, () => look('b'));
    await settle();
    expect((await failure(look('b'))).code).toBe('MAILBOX_FULL');
    a.back.open();
    await Promise.all(waiting);
  });

  it('C1: whatever is asked for, it holds no more than its budget, and everybody is served', async () => {
    const { uniform24: random } = createMersenneTwister(5);
    const sizes: Record<string, number> = { a: 1, b: 3, c: 5, d: 7, e: 10 };
    const held = new Set<string>();
    let peakBytes = 0;
    shelf = new Shelf({ budgetBytes: 10, dispose: async (item) => void held.delete(item) });
    const borrow = async (): Promise<void> => {
      const key = 'abcde'[Math.floor(random() * 5)]!;
      const make = async (): Promise<string> => {
        held.add(key);
        peakBytes = Math.max(
          peakBytes,
          [...held].reduce((sum, one) => sum + sizes[one]!, 0),
        );
        return key;
      };
      const pauses = Math.floor(random() * 4);
      await shelf.use({ key, name: key, sizeBytes: sizes[key]!, make }, forever, async () => {
        for (let i = 0; i < pauses; i++) await new Promise((resolve) => setImmediate(resolve));
        expect(held.has(key)).toBe(true);
      });
    };
    for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 30 }, borrow));
    expect(peakBytes).toBeLessThanOrEqual(10);
    expect(shelf.waiting).toBe(0);
  });
});
