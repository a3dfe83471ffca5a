import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { Actor } from '#shared/actor/actor.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { patient, slowActor } from './slow-actor.ts';

describe('actor — turns', () => {
  it('A1: one turn at a time, in the order of arrival, each with the state the one before left', async () => {
    const { actor, add, diary, finish } = slowActor();
    const replies = ['a', 'b', 'c'].map((request) => add(request, patient()));
    for (const request of ['c', 'b', 'a']) finish(request); // whoever could end first does not begin first
    expect(await Promise.all(replies)).toEqual([1, 2, 3]);
    expect(diary).toEqual(['start a', 'end a', 'start b', 'end b', 'start c', 'end c']);
    expect(actor.state).toEqual(['a', 'b', 'c']);
  });

  it('A1: whoever has the reply sees the state of that turn', async () => {
    const { actor, add, finish } = slowActor();
    finish('a');
    const seen = add('a', patient()).then(() => actor.state);
    expect(await seen).toEqual(['a']);
  });

  it('A1: the turns of several kinds share one line', async () => {
    const { actor, add, diary, finish, started } = slowActor();
    const count = actor.on(async (state, _: null) => {
      diary.push('count');
      return { state, reply: state.length };
    });
    const first = add('a', patient());
    const counted = count(null, patient());
    await started('a');
    finish('a');
    await first;
    expect(await counted).toBe(1);
    expect(diary).toEqual(['start a', 'end a', 'count']);
  });

  it('A8: each turn runs in the context of its own message, also when it had to wait', async () => {
    const trace = new AsyncLocalStorage<string>();
    const actor = new Actor({});
    const where = actor.on(async (state, _: null) => ({ state, reply: trace.getStore() }));
    const replies = ['one', 'two', 'three'].map((name) => trace.run(name, () => where(null, patient())));
    expect(await Promise.all(replies)).toEqual(['one', 'two', 'three']);
  });

  it('A6: a turn that throws fails its own message only, and leaves the state as it was', async () => {
    const actor = new Actor(1);
    const double = actor.on(async (state, isBroken: boolean) => {
      if (isBroken) throw new MeshError('WRONG_SHAPE', 'no latents', { name: 'latents' });
      return { state: state * 2, reply: state * 2 };
    });
    const outcomes = await Promise.allSettled([false, true, false].map((isBroken) => double(isBroken, patient())));
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'WRONG_SHAPE', details: { name: 'latents' } } });
    expect(actor.state).toBe(4);
  });

  it('A6: what is thrown and is no MeshError comes out as INTERNAL with its cause', async () => {
    const cause = new TypeError('x is not a function');
    const fail = new Actor(null).on(async (_state, _request: null) => {
      throw cause;
    });
    expect(await failure(fail(null, patient()))).toMatchObject({ code: 'INTERNAL', cause });
  });
});

describe('actor — mailbox', () => {
  it('A2: what does not fit is refused with MAILBOX_FULL and leaves no trace', async () => {
    const { actor, add, diary, finish } = slowActor({ mailboxSize: 2 });
    const accepted = ['a', 'b', 'c'].map((request) => add(request, patient()));
    expect([actor.load, actor.capacity]).toEqual([3, 3]);
    expect(await failure(add('d', patient()))).toMatchObject({ code: 'MAILBOX_FULL', details: { size: 2 } });
    for (const request of ['a', 'b', 'c', 'd']) finish(request);
    await Promise.all(accepted);
    expect(diary).not.toContain('start d');
    expect(actor.load).toBe(0);
  });

  it('A2: a turn that ended makes room', async () => {
    const { add, finish, started } = slowActor({ mailboxSize: 0 });
    const first = add('a', patient());
    expect((await failure(add('b', patient()))).code).toBe('MAILBOX_FULL');
    finish('a');
    await first;
    const second = add('b', patient());
    await started('b');
    finish('b');
    expect(await second).toBe(2);
  });

  it('A5: a message given up while it waits leaves at once, never runs, and makes room', async () => {
    const { actor, add, diary, finish } = slowActor({ mailboxSize: 1 });
    const first = add('a', patient());
    const caller = new AbortController();
    const second = failure(add('b', caller.signal));
    caller.abort(new MeshError('DEADLINE_EXCEEDED', 'Too late.'));
    expect((await second).code).toBe('DEADLINE_EXCEEDED');
    expect(actor.load).toBe(1);
    const third = add('c', patient());
    for (const request of ['a', 'b', 'c']) finish(request);
    expect(await Promise.all([first, third])).toEqual([1, 2]);
    expect(diary).not.toContain('start b');
  });

  it('A5: a message given up before it comes is not taken in', async () => {
    const { add, diary } = slowActor();
    expect((await failure(add('a', AbortSignal.abort()))).code).toBe('CANCELLED');
    expect(diary).toEqual([]);
  });

  it('A5: a message given up while it runs aborts its turn’s signal, and the next one runs', async () => {
    const { actor, add, diary, finish, started } = slowActor();
    const caller = new AbortController();
    const first = failure(add('a', caller.signal));
    const second = add('b', patient());
    await started('a');
    caller.abort();
    finish('b');
    expect((await first).code).toBe('CANCELLED');
    expect(await second).toBe(1);
    expect(diary).toEqual(['start a', 'aborted a', 'start b', 'end b']);
    expect(actor.state).toEqual(['b']);
  });
});

describe('actor — end', () => {
  it('A4: draining takes nothing new, runs what was accepted, then resolves', async () => {
    const { actor, add, diary, finish } = slowActor();
    const accepted = ['a', 'b'].map((request) => add(request, patient()));
    const drained = actor.drain().then(() => diary.push('drained'));
    expect((await failure(add('c', patient()))).code).toBe('DRAINING');
    for (const request of ['a', 'b']) finish(request);
    expect(await Promise.all(accepted)).toEqual([1, 2]);
    await drained;
    expect(diary).toEqual(['start a', 'end a', 'start b', 'end b', 'drained']);
  });

  it('A4: an idle actor is drained at once, and draining twice is draining', async () => {
    const { actor, add } = slowActor();
    await Promise.all([actor.drain(), actor.drain()]);
    await actor.drain();
    expect((await failure(add('a', patient()))).code).toBe('DRAINING');
  });

  it('A7: stopping aborts the running turn, and refuses the waiting ones with DRAINING', async () => {
    const { actor, add, diary, started } = slowActor();
    const outcomes = Promise.all(['a', 'b', 'c'].map((request) => failure(add(request, patient()))));
    await started('a');
    await actor.stop();
    expect((await outcomes).map((error) => error.code)).toEqual(['DRAINING', 'DRAINING', 'DRAINING']);
    expect(diary).toEqual(['start a', 'aborted a']);
    expect(actor.load).toBe(0);
  });

  it('A7: stopping while draining ends the drain', async () => {
    const { actor, add, started } = slowActor();
    const running = failure(add('a', patient()));
    const waiting = failure(add('b', patient()));
    await started('a');
    const drained = actor.drain();
    await Promise.all([actor.stop(), actor.stop()]);
    await drained;
    expect([(await running).code, (await waiting).code]).toEqual(['DRAINING', 'DRAINING']);
  });
});
