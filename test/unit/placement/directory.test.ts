import { beforeEach, describe, expect, it } from 'vitest';
import { HEARTBEAT_MS, LOST_AFTER_MS } from '#shared/contracts/heartbeat.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { Directory } from '#shared/placement/directory.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { heartbeat } from './heartbeats.ts';

let nowMs = 0;
let directory = new Directory({ now: () => nowMs });

beforeEach(() => {
  nowMs = 1_700_000_000_000;
  directory = new Directory({ now: () => nowMs });
});

/** Seconds in which only the given instances are heard. */
function pass(beats: number, ...instances: string[]): void {
  for (let i = 0; i < beats; i++) {
    nowMs += HEARTBEAT_MS;
    for (const instance of instances) directory.hear(heartbeat(instance));
    directory.sweep();
  }
}

function names(): string[] {
  return directory.instances().map(({ instance }) => instance);
}

describe('directory — who is there', () => {
  it('knows whom it hears, by role, and says who is new', () => {
    expect(directory.hear(heartbeat('a'))).toBe(true);
    expect(directory.hear(heartbeat('a'))).toBe(false);
    expect(directory.hear(heartbeat('b', { role: 'lora' }))).toBe(true);
    expect(names()).toEqual(['a', 'b']);
    expect(directory.instances('lora').map(({ instance }) => instance)).toEqual(['b']);
  });

  it.each([
    ['text', 'hello'],
    ['nothing', undefined],
    ['one of a role not known here', { ...heartbeat('a'), role: 'upscaler' }],
    ['one that lacks a field', { ...heartbeat('a'), capacity: undefined }],
  ])('takes no heartbeat from %s', (_, body) => {
    expect(directory.hear(body)).toBe(false);
    expect(names()).toEqual([]);
  });

  it('takes one from a newer peer that says more', () => {
    expect(directory.hear({ ...heartbeat('a'), gpu: 'H100' })).toBe(true);
  });

  it('loses one that falls silent, and tells those who wait for it', () => {
    directory.hear(heartbeat('a'));
    const lost = directory.lost('a');
    pass(LOST_AFTER_MS / HEARTBEAT_MS);
    expect(lost.aborted).toBe(false);
    pass(1);
    expect(lost.reason).toMatchObject({ code: 'ACTOR_LOST', details: { instance: 'a' } });
    expect(names()).toEqual([]);
  });

  it('keeps one that goes on to be heard', () => {
    directory.hear(heartbeat('a'));
    pass(20, 'a');
    expect(directory.lost('a').aborted).toBe(false);
  });

  it('loses nobody when it was the one that slept', () => {
    directory.hear(heartbeat('a'));
    nowMs += 3_600_000;
    directory.sweep();
    expect(names()).toEqual(['a']);
    pass(LOST_AFTER_MS / HEARTBEAT_MS + 1);
    expect(names()).toEqual([]);
  });

  it('counts silence from the return of the connection', () => {
    directory.hear(heartbeat('a'));
    pass(2);
    directory.excuse();
    pass(3);
    expect(names()).toEqual(['a']);
    pass(1);
    expect(names()).toEqual([]);
  });

  it('loses one whose slot a newcomer fills', () => {
    directory.hear(heartbeat('old', { slot: 'vae-0' }));
    const lost = directory.lost('old');
    directory.hear(heartbeat('new', { slot: 'vae-0', started_unix_ms: 2000 }));
    expect(lost.reason).toMatchObject({ code: 'ACTOR_LOST' });
    expect((lost.reason as MeshError).message).toContain('replaced by new');
    expect(names()).toEqual(['new']);
  });

  it('a late word of the dead does not bring it back, nor drive its successor out', () => {
    directory.hear(heartbeat('new', { slot: 'vae-0', started_unix_ms: 2000 }));
    expect(directory.hear(heartbeat('old', { slot: 'vae-0', started_unix_ms: 1000 }))).toBe(false);
    expect(names()).toEqual(['new']);
    expect(directory.lost('new').aborted).toBe(false);
  });

  it('one that leaves gets nothing new, and keeps what it has until it is silent', () => {
    directory.hear(heartbeat('a'));
    const lost = directory.lost('a');
    directory.hear(heartbeat('a', { leaving: true }));
    expect(directory.pick('vae')).toBeUndefined();
    expect(lost.aborted).toBe(false);
  });

  it('a forgotten one is lost at once; being heard again it is new', () => {
    directory.hear(heartbeat('a'));
    const lost = directory.lost('a');
    directory.forget('a');
    directory.forget('a');
    expect(lost.aborted).toBe(true);
    expect(directory.hear(heartbeat('a'))).toBe(true);
    expect(directory.lost('a').aborted).toBe(false);
  });

  it('one that leaves is not forgotten for taking nothing new: it finishes what it has', () => {
    directory.hear(heartbeat('a', { leaving: true }));
    directory.forget('a');
    expect(directory.lost('a').aborted).toBe(false);
  });

  it('says who was replaced, and of nobody else that it is dead', () => {
    const replaced: string[] = [];
    directory = new Directory({ now: () => nowMs, onReplaced: (instance) => replaced.push(instance) });
    for (const instance of ['old', 'other', 'silent']) directory.hear(heartbeat(instance, { slot: instance }));
    directory.hear(heartbeat('new', { slot: 'old', started_unix_ms: nowMs }));
    pass(LOST_AFTER_MS / HEARTBEAT_MS + 1, 'new', 'other');
    expect(replaced).toEqual(['old']);
  });

  it('whoever asks for one that was never there is told so at once', () => {
    expect(directory.lost('nobody').reason).toMatchObject({ code: 'ACTOR_LOST' });
  });
});

describe('directory — load', () => {
  it('a burst spreads before the next heartbeat', () => {
    for (const instance of ['a', 'b', 'c']) directory.hear(heartbeat(instance));
    const picked = Array.from({ length: 6 }, () => directory.pick('vae')?.instance);
    expect(picked.toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });

  it('a burst stops at the capacity', () => {
    directory.hear(heartbeat('a', { capacity: 2 }));
    expect([1, 2, 3].map(() => directory.pick('vae')?.instance)).toEqual(['a', 'a', undefined]);
  });

  it('does not drift: any number of short pieces of work between two heartbeats leaves room', () => {
    directory.hear(heartbeat('a', { capacity: 2 }));
    for (let i = 0; i < 1000; i++) {
      expect(directory.pick('vae')?.instance).toBe('a');
      directory.release('a');
    }
    expect(directory.instances()[0]?.load).toBe(0);
  });

  it('never falls below zero when a heartbeat came in between', () => {
    directory.hear(heartbeat('a'));
    directory.pick('vae');
    directory.hear(heartbeat('a', { load: 0 }));
    directory.release('a');
    expect(directory.instances()[0]?.load).toBe(0);
  });

  it('what a heartbeat says stands', () => {
    directory.hear(heartbeat('a'));
    directory.pick('vae');
    directory.hear(heartbeat('a', { load: 5 }));
    expect(directory.instances()[0]?.load).toBe(5);
  });

  it('one that refused is full until its next heartbeat, or until work of ours there ends', () => {
    directory.hear(heartbeat('a'));
    directory.fill('a');
    expect(directory.pick('vae')).toBeUndefined();
    directory.release('a');
    expect(directory.pick('vae')?.instance).toBe('a');
    expect(directory.pick('vae')).toBeUndefined();
    directory.hear(heartbeat('a'));
    expect(directory.pick('vae')?.instance).toBe('a');
  });

  it('what ends at an instance that is gone changes nothing', () => {
    directory.release('nobody');
    directory.fill('nobody');
    expect(names()).toEqual([]);
  });
});

describe('directory — waiting for a change', () => {
  it.each([
    ['a heartbeat of the role', () => directory.hear(heartbeat('b'))],
    ['the end of a piece of work', () => directory.release('a')],
  ])('ends by %s', async (_, change) => {
    directory.hear(heartbeat('a'));
    const changed = directory.nextChange('vae', new AbortController().signal);
    change();
    await changed;
  });

  it('does not end by another role', async () => {
    const controller = new AbortController();
    const changed = failure(directory.nextChange('vae', controller.signal));
    directory.hear(heartbeat('b', { role: 'lora' }));
    controller.abort(new MeshError('DEADLINE_EXCEEDED', 'Too late.'));
    expect((await changed).code).toBe('DEADLINE_EXCEEDED');
  });

  it('ends with CANCELLED for a plain abort, before or while waiting', async () => {
    expect((await failure(directory.nextChange('vae', AbortSignal.abort()))).code).toBe('CANCELLED');
    const controller = new AbortController();
    const changed = failure(directory.nextChange('vae', controller.signal));
    controller.abort();
    expect((await changed).code).toBe('CANCELLED');
  });
});
