import { describe, expect, it } from 'vitest';
import { createMersenneTwister } from '#shared/diffusion/mersenne-twister.ts';
import { choose } from '#shared/placement/choose.ts';
import { heartbeat } from './heartbeats.ts';

describe('choose — who gets the work', () => {
  it('the one with the shortest queue', () => {
    const candidates = [heartbeat('a', { load: 3 }), heartbeat('b', { load: 1 }), heartbeat('c', { load: 2 })];
    expect(choose(candidates)?.instance).toBe('b');
  });

  it('among equals the one that is up longest, so that rare names gather', () => {
    const candidates = [heartbeat('young', { started_unix_ms: 2000 }), heartbeat('old', { started_unix_ms: 1000 })];
    expect(choose(candidates)?.instance).toBe('old');
  });

  it('one that holds the name, among equally busy ones', () => {
    const candidates = [heartbeat('other', { load: 1 }), heartbeat('holder', { load: 1, holds: ['canny'] })];
    expect(choose(candidates, { holds: ['canny'] })?.instance).toBe('holder');
  });

  it('a free one that has to load rather than a busy one that holds the name', () => {
    const candidates = [heartbeat('idle'), heartbeat('holder', { load: 1, holds: ['canny'] })];
    expect(choose(candidates, { holds: ['canny'] })?.instance).toBe('idle');
  });

  it.each([
    ['waits for the holder while that is shorter than loading', 3000, 'holder'],
    ['loads elsewhere once the queue is longer than that', 900, 'idle'],
  ])('by measured times: %s', (_, load_ms, instance) => {
    const measured = { turn_ms: 1000, load_ms };
    const candidates = [heartbeat('idle', measured), heartbeat('holder', { ...measured, load: 1, holds: ['canny'] })];
    expect(choose(candidates, { holds: ['canny'] })?.instance).toBe(instance);
  });

  it('a session of many turns waits behind others at each of them', () => {
    const measured = { turn_ms: 100, load_ms: 1000 };
    const candidates = [heartbeat('idle', measured), heartbeat('holder', { ...measured, load: 1, holds: ['canny'] })];
    expect([5, 20].map((turns) => choose(candidates, { holds: ['canny'], turns })?.instance)).toEqual([
      'holder',
      'idle',
    ]);
  });

  it('a newcomer counts as what the others measured, no cheaper', () => {
    const slow = heartbeat('slow', { turn_ms: 5000, load_ms: 9000, load: 1, holds: ['canny'] });
    expect(choose([heartbeat('new'), slow], { holds: ['canny'] })?.instance).toBe('slow');
  });

  it('one with room rather than one that has to push something out', () => {
    const memory = { budget_bytes: 10, load_ms: 1000 };
    const candidates = [
      heartbeat('full', { ...memory, holds: ['depth', 'pose'], resident_bytes: 9 }),
      heartbeat('roomy', { ...memory, holds: ['pose'], resident_bytes: 4, started_unix_ms: 2000 }),
    ];
    expect(choose(candidates, { holds: ['canny'] })?.instance).toBe('roomy');
    expect(choose(candidates, { holds: ['depth'] })?.instance).toBe('full');
  });

  it('the one that holds most of several names', () => {
    const candidates = [heartbeat('one', { holds: ['canny'] }), heartbeat('both', { holds: ['depth', 'canny'] })];
    expect(choose(candidates, { holds: ['canny', 'depth'] })?.instance).toBe('both');
  });

  it('nobody when there is nobody', () => {
    expect(choose([])).toBeUndefined();
  });

  it.each([
    ['leaving', heartbeat('a', { leaving: true })],
    ['full', heartbeat('a', { load: 17, capacity: 17 })],
    ['over full, since several gateways counted', heartbeat('a', { load: 20, capacity: 17 })],
    ['excluded', heartbeat('a')],
  ])('never one that is %s, even as the only one', (state, only) => {
    expect(choose([only], { exclude: new Set(state === 'excluded' ? ['a'] : []) })).toBeUndefined();
  });

  it('whatever the mesh looks like: never a leaving, full or excluded one, and nobody only when no other is there', () => {
    const { uniform24: random } = createMersenneTwister(11);
    for (let round = 0; round < 500; round++) {
      const mesh = Array.from({ length: 6 }, (_, i) =>
        heartbeat(`i${i}`, {
          load: Math.floor(random() * 4),
          capacity: 3,
          leaving: random() < 0.3,
          holds: random() < 0.5 ? ['canny'] : [],
        }),
      );
      const exclude = new Set(mesh.filter(() => random() < 0.2).map((one) => one.instance));
      const free = mesh.filter((one) => !one.leaving && one.load < one.capacity && !exclude.has(one.instance));
      const chosen = choose(mesh, { holds: ['canny'], exclude });
      if (free.length === 0) expect(chosen).toBeUndefined();
      else expect(free).toContain(chosen);
    }
  });
});
