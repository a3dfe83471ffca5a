import { beforeEach, describe, expect, it } from 'vitest';
import { Actor } from '#shared/actor/actor.ts';
import { KEEPALIVE_MS, LOST_AFTER, LOST_RETRY_MS } from '#shared/bus/protocol.ts';
import { LOST_AFTER_MS } from '#shared/contracts/heartbeat.ts';
import * as vae from '#shared/contracts/vae.ts';
import { type ErrorCode, MeshError } from '#shared/errors/errors.ts';
import type { MeshCallOptions, MeshReply } from '#shared/placement/mesh-client.ts';
import { type OperationHandler, type ServedOperation, type ServedReply, served } from '#shared/service/serve.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { aborted, failure, gate } from '#test/contract/bus/harness.ts';
import { ManualClock, settle } from '#test/contract/bus/manual-clock.ts';
import { type SmallMesh, smallMesh } from './small-mesh.ts';

type Handler = OperationHandler<Record<string, never>, { run_ms: number }>;

const OK: ServedReply<{ run_ms: number }> = { body: { run_ms: 1 } };
/** The time after which a bus knows that its callee died. */
const DEATH_SHOWS_MS = KEEPALIVE_MS + LOST_AFTER * LOST_RETRY_MS;

let clock = new ManualClock();
let mesh: SmallMesh = smallMesh(clock);
/** Instances in the order in which they were asked. */
let asked: string[] = [];

beforeEach(() => {
  clock = new ManualClock();
  mesh = smallMesh(clock);
  asked = [];
});

/** An operation of the instance `name` that writes down that it was asked. */
function answers(name: string, handler: Handler = async () => OK): ServedOperation[] {
  const note: Handler = (request, signal) => {
    asked.push(name);
    return handler(request, signal);
  };
  return [served(vae.decode, note)];
}

function fails(code: ErrorCode, times = Number.POSITIVE_INFINITY): Handler {
  let left = times;
  return async () => {
    if (left-- > 0) throw new MeshError(code, 'as told', { told: true });
    return OK;
  };
}

/** A minute to answer in. */
function call(more: Partial<MeshCallOptions> = {}): Promise<MeshReply<{ run_ms: number }>> {
  const options = { deadlineUnixMs: clock.now() + 60_000, signal: new AbortController().signal, ...more };
  return mesh.client.call(vae.decode, {}, { latents: f32([1]) }, options);
}

/** Nothing is left that would wake up later, on either side. */
async function expectNoTimers(): Promise<void> {
  await settle();
  expect(clock.pendingTimers).toBe(0);
}

describe('mesh client — placement', () => {
  it('asks the best instance, and says who answered', async () => {
    mesh.start('a', answers('a'), { load: 1 });
    mesh.start('b', answers('b'));
    expect(await call()).toMatchObject({ body: { run_ms: 1 }, instance: 'b' });
    await expectNoTimers();
  });

  it('asks the one that holds what the work needs', async () => {
    mesh.start('a', answers('a'));
    mesh.start('b', answers('b'), { holds: ['style@1'] });
    expect((await call({ holds: ['style@1'] })).instance).toBe('b');
  });

  it('waits for an instance to come', async () => {
    const reply = call();
    await clock.advance(30_000);
    mesh.start('late', answers('late'));
    expect((await reply).instance).toBe('late');
    await expectNoTimers();
  });

  it('says NO_ACTOR when none has come by the deadline', async () => {
    const error = failure(call());
    await clock.advance(60_000);
    expect(await error).toMatchObject({ code: 'NO_ACTOR', details: { role: 'vae' } });
  });

  it('answers requests that are not as the contract says with INVALID_REQUEST and the fields', async () => {
    mesh.start('a', [served({ ...vae.decode, request: vae.decode.reply }, async () => OK)]);
    expect(await failure(call())).toMatchObject({
      code: 'INVALID_REQUEST',
      details: { problems: [{ path: 'run_ms' }] },
    });
  });

  it('takes no reply that is not as the contract says', async () => {
    mesh.start(
      'a',
      answers('a', async () => ({ body: { run_ms: 'fast' } }) as never),
    );
    expect((await failure(call())).code).toBe('WIRE_INVALID');
  });
});

describe('mesh client — failures', () => {
  it('never: is the caller’s at once', async () => {
    mesh.start('a', answers('a', fails('WRONG_SHAPE')));
    mesh.start('b', answers('b', fails('WRONG_SHAPE')));
    expect(await failure(call())).toMatchObject({ code: 'WRONG_SHAPE', details: { told: true } });
    expect(asked).toEqual(['a']);
  });

  it('elsewhere: is asked elsewhere', async () => {
    mesh.start('a', answers('a', fails('DRAINING')));
    mesh.start('b', answers('b'), { load: 5 });
    expect((await call()).instance).toBe('b');
    expect(asked).toEqual(['a', 'b']);
  });

  it('later: is asked again after a while that grows', async () => {
    mesh.start('a', answers('a', fails('QUEUE_FULL', 3)));
    const reply = call();
    const askedAfter: number[] = [];
    for (const waitMs of [0, 49, 1, 99, 1, 199, 1]) {
      await clock.advance(waitMs);
      askedAfter.push(asked.length);
    }
    expect(askedAfter).toEqual([1, 1, 2, 2, 3, 3, 4]);
    expect((await reply).instance).toBe('a');
  });

  it('an instance that is gone is told by the bus, and forgotten at once', async () => {
    mesh.start('a', answers('a')).kill();
    mesh.start('b', answers('b'), { load: 5 });
    expect((await call()).instance).toBe('b');
    expect(mesh.directory.instances().map(({ instance }) => instance)).toEqual(['b']);
  });

  it('an instance that dies with the work is replaced by another', async () => {
    const a = mesh.start(
      'a',
      answers('a', async (_, signal) => {
        a.kill();
        return aborted(signal);
      }),
    );
    mesh.start('b', answers('b'), { load: 5 });
    const reply = call();
    await clock.advance(DEATH_SHOWS_MS);
    expect((await reply).instance).toBe('b');
  });

  it('work that three instances died of is given up with ACTOR_LOST', async () => {
    for (const name of ['a', 'b', 'c', 'd']) {
      const deadly = mesh.start(
        name,
        answers(name, async (_, signal) => {
          deadly.kill();
          return aborted(signal);
        }),
      );
    }
    const error = failure(call());
    await clock.advance(3 * DEATH_SHOWS_MS);
    expect((await error).code).toBe('ACTOR_LOST');
    expect(asked).toEqual(['a', 'b', 'c']);
  });

  it.each<ErrorCode>(['OUT_OF_MEMORY', 'TRANSFER_FAILED'])('%s is given up after the third time', async (code) => {
    const only = mesh.start('a', answers('a', fails(code)));
    const error = failure(call());
    for (let i = 0; i < 5; i++) {
      await settle();
      only.beat();
    }
    expect((await error).code).toBe(code);
    expect(asked).toEqual(['a', 'a', 'a']);
  });

  it('an instance that falls silent loses its work to another, and is told to stop', async () => {
    const [started, stopped] = [gate(), gate()];
    mesh.start(
      'a',
      answers('a', async (_, signal) => {
        started.open();
        signal.addEventListener('abort', stopped.open);
        return aborted(signal);
      }),
    );
    const b = mesh.start('b', answers('b'), { load: 5 });
    const reply = call();
    await started.opened;
    mesh.directory.sweep();
    await clock.advance(LOST_AFTER_MS);
    b.beat();
    mesh.directory.sweep();
    await clock.advance(1);
    mesh.directory.sweep();
    expect((await reply).instance).toBe('b');
    await stopped.opened;
  });

  it('a failure that an instance hands on from another is not its own death', async () => {
    mesh.start(
      'a',
      answers('a', async () => {
        throw new MeshError('ACTOR_LOST', 'A ControlNet is gone.', { instance: 'controlnet-1', subject: 'other' });
      }),
    );
    mesh.start('b', answers('b'), { load: 5 });
    expect((await call()).instance).toBe('b');
    expect(mesh.directory.lost('a').aborted).toBe(false);
  });
});

describe('mesh client — full mailboxes', () => {
  /** An actor without a mailbox, whose turns end when told. */
  function narrow(name: string): { operations: ServedOperation[]; finish: () => void } {
    const finish = gate();
    const offer = new Actor(null, { mailboxSize: 0 }).on(async (state, _: unknown, signal) => {
      await Promise.race([finish.opened, aborted(signal)]);
      return { state, reply: OK };
    });
    return { operations: answers(name, offer), finish: finish.open };
  }

  it('full everywhere: waits, and goes on where work of ours ends', async () => {
    const [a, b] = [narrow('a'), narrow('b')];
    mesh.start('a', a.operations);
    mesh.start('b', b.operations);
    const first = [call(), call()];
    await settle();
    const third = call();
    await settle();
    expect(asked).toEqual(['a', 'b', 'a', 'b']);
    b.finish();
    expect((await third).instance).toBe('b');
    a.finish();
    await Promise.all(first);
    await expectNoTimers();
  });

  it('full everywhere: asks again when an instance is heard, not before', async () => {
    const only = mesh.start('a', answers('a', fails('MAILBOX_FULL', 1)));
    const reply = call();
    await clock.advance(30_000);
    expect(asked).toEqual(['a']);
    only.beat();
    expect((await reply).instance).toBe('a');
  });

  it('full everywhere until the deadline: DEADLINE_EXCEEDED', async () => {
    mesh.start('a', answers('a', fails('MAILBOX_FULL')));
    const error = failure(call());
    await clock.advance(60_000);
    expect(await error).toMatchObject({ code: 'DEADLINE_EXCEEDED', details: { role: 'vae' } });
  });
});

describe('mesh client — giving up', () => {
  it('a cancel reaches the callee, and nobody else is asked', async () => {
    const [started, stopped] = [gate(), gate()];
    const busy: Handler = async (_, signal) => {
      signal.addEventListener('abort', stopped.open);
      started.open();
      return aborted(signal);
    };
    mesh.start('a', answers('a', busy));
    mesh.start('b', answers('b'), { load: 5 });
    const caller = new AbortController();
    const error = failure(call({ signal: caller.signal }));
    await started.opened;
    caller.abort(new MeshError('CANCELLED', 'The job was cancelled.'));
    expect((await error).message).toBe('The job was cancelled.');
    await stopped.opened;
    expect(asked).toEqual(['a']);
  });

  it('a cancel while waiting for an instance, and while waiting to ask again', async () => {
    const caller = new AbortController();
    const waiting = failure(call({ signal: caller.signal }));
    mesh.start('a', answers('a', fails('QUEUE_FULL')));
    const backingOff = failure(call({ signal: caller.signal }));
    await settle();
    caller.abort();
    expect([(await waiting).code, (await backingOff).code]).toEqual(['CANCELLED', 'CANCELLED']);
    await expectNoTimers();
  });

  it('the deadline ends a call, here and there', async () => {
    const stopped = gate();
    mesh.start(
      'a',
      answers('a', (_, signal) => {
        signal.addEventListener('abort', stopped.open);
        return aborted(signal);
      }),
    );
    const error = failure(call());
    await clock.advance(60_000);
    expect((await error).code).toBe('DEADLINE_EXCEEDED');
    await stopped.opened;
  });
});

describe('mesh client — one instance and no other', () => {
  it.each<ErrorCode>(['DRAINING', 'ACTOR_LOST', 'QUEUE_FULL'])('%s is not asked elsewhere, nor again', async (code) => {
    mesh.start('a', answers('a', fails(code)));
    mesh.start('b', answers('b'));
    expect((await failure(call({ instance: 'a' }))).code).toBe(code);
    expect(asked).toEqual(['a']);
  });

  it('a full mailbox is waited for', async () => {
    mesh.start('a', answers('a', fails('MAILBOX_FULL', 2)));
    mesh.start('b', answers('b'));
    const reply = call({ instance: 'a' });
    await clock.advance(50 + 100);
    expect((await reply).instance).toBe('a');
    expect(asked).toEqual(['a', 'a', 'a']);
  });

  it('one that is gone is ACTOR_LOST', async () => {
    expect((await failure(call({ instance: 'gone' }))).code).toBe('ACTOR_LOST');
  });
});
