import { expect, it } from 'vitest';
import { Actor } from '#shared/actor/actor.ts';
import { createMersenneTwister } from '#shared/diffusion/mersenne-twister.ts';
import { MeshError } from '#shared/errors/errors.ts';

const MESSAGES = 10_000;
const MAILBOX_SIZE = 32;
const SEED = 7;
const FATES = ['reply', 'throw', 'abort'] as const;

const nextTick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

it(`actor stress — A1 A2 A3 A4 A6: ${MESSAGES} messages in bursts, some throw, some are given up (seed ${SEED})`, async () => {
  const { uniform24: random } = createMersenneTwister(SEED);
  const actor = new Actor(0, { mailboxSize: MAILBOX_SIZE });
  const counts: Record<string, number> = {};
  let running = 0;
  let mostRunning = 0;
  let mostLoaded = 0;

  const take = actor.on(async (turns, fate: (typeof FATES)[number], signal) => {
    mostRunning = Math.max(mostRunning, ++running);
    if (random() < 0.1) await nextTick();
    running--;
    signal.throwIfAborted();
    if (fate === 'throw') throw new MeshError('INTERNAL', 'as told');
    return { state: turns + 1, reply: 'REPLY' };
  });

  const settled: Promise<void>[] = [];
  for (let i = 0; i < MESSAGES; i++) {
    const caller = new AbortController();
    const fate = FATES[Math.floor(random() * FATES.length)]!;
    const offered = take(fate, caller.signal);
    const count = (outcome: string): void => {
      counts[outcome] = (counts[outcome] ?? 0) + 1;
    };
    settled.push(offered.then(count, (error: MeshError) => count(error.code)));
    mostLoaded = Math.max(mostLoaded, actor.load);
    if (fate === 'abort') queueMicrotask(() => caller.abort());
    if (random() < 0.05) await nextTick();
  }
  await actor.drain();
  await Promise.all(settled);

  const { REPLY = 0, INTERNAL = 0, CANCELLED = 0, MAILBOX_FULL = 0 } = counts;
  expect(mostRunning).toBe(1);
  expect(mostLoaded).toBe(actor.capacity);
  expect(REPLY + INTERNAL + CANCELLED + MAILBOX_FULL, JSON.stringify(counts)).toBe(MESSAGES);
  expect(Math.min(REPLY, INTERNAL, CANCELLED, MAILBOX_FULL), JSON.stringify(counts)).toBeGreaterThan(100);
  expect(actor.state).toBe(REPLY);
  expect(actor.load).toBe(0);
});
