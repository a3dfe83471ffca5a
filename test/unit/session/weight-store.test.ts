import { describe, expect, it } from 'vitest';
import { WeightStore } from '#shared/session/worker/weight-store.ts';

const stored = (): { store: WeightStore; a: Float32Array; b: Float32Array } => {
  const [a, b] = [Float32Array.of(1), Float32Array.of(2)];
  const store = new WeightStore();
  store.add(
    'base',
    new Map([
      ['a', a],
      ['b', b],
    ]),
  );
  return { store, a, b };
};

describe('weight store — memory', () => {
  it('S2 is given back at once with the last set that holds an array', () => {
    const { store, a, b } = stored();
    store.derive('patched', 'base', new Map([['a', Float32Array.of(10)]]));
    store.release('base');
    expect([a.length, b.length]).toEqual([0, 1]);
    store.release('patched');
    expect(b.length).toBe(0);
  });

  it('S1 of a base stays as it is when a derived set changes and goes', () => {
    const { store, a } = stored();
    const changed = Float32Array.of(10);
    store.derive('patched', 'base', new Map([['a', changed]]));
    expect(store.array('base', 'a')).toBe(a);
    store.release('patched');
    expect([changed.length, a[0]]).toEqual([0, 1]);
  });

  it('S2 is given back only once when a release is repeated', () => {
    const { store, b } = stored();
    store.derive('patched', 'base', new Map());
    store.release('base');
    store.release('base');
    expect(b.length).toBe(1);
  });

  it('that is shared with another thread stays, and goes unharmed from set to set', () => {
    const store = new WeightStore();
    const shared = new Float32Array(new SharedArrayBuffer(4)).fill(3);
    store.add('base', new Map([['a', shared]]));
    store.derive('patched', 'base', new Map());
    store.release('base');
    store.release('patched');
    expect([...shared]).toEqual([3]);
  });
});
