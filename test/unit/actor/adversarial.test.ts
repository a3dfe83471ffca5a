import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Actor } from '#shared/actor/actor.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { failure, gate } from '#test/contract/bus/harness.ts';
import { patient, slowActor } from './slow-actor.ts';

describe('actor adversarial — aborts at the wrong moment', () => {
  it('A3: an abort after the reply changes nothing', async () => {
    const { actor, add, finish } = slowActor();
    const caller = new AbortController();
    finish('a');
    const reply = await add('a', caller.signal);
    caller.abort();
    expect([reply, actor.state]).toEqual([1, ['a']]);
  });

  it('A3: a turn that ends well in spite of its abort gives its reply', async () => {
    const [started, finish] = [gate(), gate()];
    const caller = new AbortController();
    const deaf = new Actor(0).on(async (state, _: null) => {
      started.open();
      await finish.opened;
      return { state: state + 1, reply: 'done all the same' };
    });
    const reply = deaf(null, caller.signal);
    await started.opened;
    caller.abort();
    finish.open();
    expect(await reply).toBe('done all the same');
  });

  it('A5: one signal for many messages takes all of them out, running and waiting', async () => {
    const { actor, add, diary, started } = slowActor();
    const caller = new AbortController();
    const outcomes = Promise.all(['a', 'b', 'c'].map((request) => failure(add(request, caller.signal))));
    await started('a');
    caller.abort(new MeshError('CANCELLED', 'The job was cancelled.'));
    expect((await outcomes).map((error) => error.message)).toEqual(Array(3).fill('The job was cancelled.'));
    await actor.drain();
    expect(diary).toEqual(['start a', 'aborted a']);
  });

  it('A5: an abort from within the running turn takes out a waiting message', async () => {
    const caller = new AbortController();
    const begin = gate();
    const actor = new Actor(0);
    const cancelOther = actor.on(async (state, _: null) => {
      await begin.opened;
      caller.abort();
      return { state, reply: actor.load };
    });
    const other = actor.on(async (state, _: null) => ({ state, reply: 'ran' }));
    const first = cancelOther(null, patient());
    const second = failure(other(null, caller.signal));
    begin.open();
    expect(await first).toBe(1);
    expect((await second).code).toBe('CANCELLED');
  });

  it('no listener stays on the signal of a caller who outlives the call', async () => {
    const { add, finish } = slowActor({ mailboxSize: 1 });
    const { signal } = new AbortController();
    const calls = [add('a', signal), add('b', signal), failure(add('c', signal))];
    for (const request of ['a', 'b']) finish(request);
    await Promise.all(calls);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('actor adversarial — turns that misbehave', () => {
  it('A6: one that throws before its first await is a turn that throws', async () => {
    const actor = new Actor(7);
    const broken = actor.on((_state, _request: null) => {
      throw new MeshError('INTERNAL', 'at once');
    });
    expect((await failure(broken(null, patient()))).message).toBe('at once');
    expect([actor.state, actor.load]).toEqual([7, 0]);
  });

  it('A6: one that returns nothing fails, and the state stays', async () => {
    const actor = new Actor(7);
    const empty = actor.on((async () => undefined) as never);
    expect((await failure(empty(null as never, patient()))).code).toBe('INTERNAL');
    expect(actor.state).toBe(7);
  });

  it('A4: a turn that offers to its own actor while it drains is refused, and does not hang', async () => {
    const actor = new Actor(0);
    const idle = actor.on(async (state, _: null) => ({ state, reply: null }));
    const nested = actor.on(async (state, _: null) => {
      void actor.drain(); // awaiting it here would be waiting for oneself
      const { code } = await failure(idle(null, patient()));
      return { state, reply: code };
    });
    expect(await nested(null, patient())).toBe('DRAINING');
    await actor.drain();
  });

  it('A7: what a stopped turn’s abort listener offers is refused', async () => {
    const { actor, add, diary } = slowActor();
    const late: Promise<MeshError>[] = [];
    const reacting = actor.on(async (state, _: null, signal) => {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          late.push(failure(add('late', patient())));
          resolve();
        });
      });
      return { state, reply: 'saw it' };
    });
    const reply = reacting(null, patient());
    const waiting = failure(add('b', patient()));
    await actor.stop();
    expect(await reply).toBe('saw it');
    expect((await waiting).code).toBe('DRAINING');
    expect(await Promise.all(late)).toMatchObject([{ code: 'DRAINING' }]);
    expect(diary).toEqual([]);
  });
});
