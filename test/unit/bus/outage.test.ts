import { describe, expect, it } from 'vitest';
import type { Handler } from '#shared/bus/bus.ts';
import { MemoryBroker, type MemoryTransport } from '#shared/bus/memory-transport.ts';
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import {
  ACCEPT_TIMEOUT_MS,
  HEADER,
  KEEPALIVE_MS,
  NO_ACTOR_RETRY_MS,
  RECONNECT_GRACE_MS,
} from '#shared/bus/protocol.ts';
import { MAX_TRANSFERS } from '#shared/bus/transfer-slots.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';
import { aborted, failure, gate, ramp, soon } from '#test/contract/bus/harness.ts';
import { ManualClock, settle } from '#test/contract/bus/manual-clock.ts';
import { Stranger } from '#test/contract/bus/stranger.ts';

const SUBJECT = 'latentmesh.v1.actor.test.work';
const FLOATS = 2_000_000;

interface Side {
  readonly bus: MeshBus;
  readonly link: MemoryTransport;
}

function mesh(): { broker: MemoryBroker; clock: ManualClock; side: (name: string) => Side } {
  const broker = new MemoryBroker();
  const clock = new ManualClock();
  const side = (instance: string): Side => {
    const link = broker.connect();
    return { link, bus: new MeshBus(link, { instance, clock }) };
  };
  return { broker, clock, side };
}

/** A handler that stops at a gate and counts its runs. */
function slow(reply = 'done'): { handler: Handler; started: Promise<void>; finish: () => void; runs: () => number } {
  const [started, finish] = [gate(), gate()];
  let runs = 0;
  const handler: Handler = async () => {
    runs++;
    started.open();
    await finish.opened;
    return message(reply);
  };
  return { handler, started: started.opened, finish: finish.open, runs: () => runs };
}

describe('bus outage — the server restarts', () => {
  it('B4: a reply given during the outage arrives after it', async () => {
    const { broker, clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    const work = slow();
    callee.bus.serve(SUBJECT, work.handler);
    const call = caller.bus.call(SUBJECT, message(null), soon(clock));
    await work.started;
    broker.stop();
    work.finish();
    await settle();
    broker.start();
    expect((await call).body).toBe('done');
    expect(work.runs()).toBe(1);
  });

  it('B4: a handler that runs through the outage replies as ever', async () => {
    const { broker, clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    const work = slow();
    callee.bus.serve(SUBJECT, work.handler);
    const call = caller.bus.call(SUBJECT, message(null), soon(clock));
    await work.started;
    broker.stop();
    await clock.advance(10_000);
    broker.start();
    await clock.advance(10_000);
    work.finish();
    expect((await call).body).toBe('done');
    expect(work.runs()).toBe(1);
  });

  it.each(['caller first', 'callee first'])('B4: whoever comes back first: %s', async (order) => {
    const { broker, clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    const work = slow();
    callee.bus.serve(SUBJECT, work.handler);
    const call = caller.bus.call(SUBJECT, message(null), soon(clock));
    await work.started;
    broker.stop();
    work.finish();
    await settle();
    const [first, second] = order === 'caller first' ? [caller, callee] : [callee, caller];
    first.link.reconnect();
    await clock.advance(1000);
    second.link.reconnect();
    await clock.advance(1000);
    expect((await call).body).toBe('done');
    expect(work.runs()).toBe(1);
  });

  it('B2: a request whose acceptance was lost is found, not run again', async () => {
    const { broker, clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    const work = slow();
    callee.bus.serve(SUBJECT, (request, context) => {
      broker.stop();
      return work.handler(request, context);
    });
    const call = caller.bus.call(SUBJECT, message(null), soon(clock));
    await work.started;
    broker.start();
    await clock.advance(10_000);
    work.finish();
    expect((await call).body).toBe('done');
    expect(work.runs()).toBe(1);
  });

  it('T2: a request that was lost is sent again', async () => {
    const { broker, clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    const work = slow();
    work.finish();
    callee.bus.serve(SUBJECT, work.handler);
    const call = caller.bus.call(SUBJECT, message(null), soon(clock));
    broker.stop();
    broker.start();
    await clock.advance(RECONNECT_GRACE_MS);
    expect((await call).body).toBe('done');
    expect(work.runs()).toBe(1);
  });

  it('B2: to a sole callee it is sent again without waiting, and still runs once', async () => {
    const { broker, clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    const work = slow();
    callee.bus.serve(SUBJECT, (request, context) => {
      broker.stop(); // loses the acceptance of the second request
      return work.handler(request, context);
    });
    const call = caller.bus.call(SUBJECT, message(null), soon(clock, { hasOneCallee: true }));
    broker.stop(); // loses the first request
    broker.start();
    await clock.advance(NO_ACTOR_RETRY_MS); // the caller is back before the callee
    await work.started;
    broker.start();
    work.finish();
    expect((await call).body).toBe('done');
    expect(work.runs()).toBe(1);
  });

  it('a call made during the outage is sent after it', async () => {
    const { broker, clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    callee.bus.serve(SUBJECT, async () => message('done'));
    broker.stop();
    const call = caller.bus.call(SUBJECT, message(null), soon(clock));
    await clock.advance(1000);
    broker.start();
    await clock.advance(1000);
    expect((await call).body).toBe('done');
  });

  it('BUS_UNAVAILABLE when the outage lasts beyond the deadline', async () => {
    const { broker, clock, side } = mesh();
    const caller = side('caller');
    broker.stop();
    const call = failure(caller.bus.call(SUBJECT, message(null), { deadlineUnixMs: clock.now() + 1000 }));
    await clock.advance(1000);
    expect((await call).code).toBe('BUS_UNAVAILABLE');
  });

  it('B3: just after a reconnect, an actor that is not there yet is waited for', async () => {
    const { broker, clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    callee.bus.serve(SUBJECT, async () => message('done'));
    broker.stop();
    caller.link.reconnect();
    const call = caller.bus.call(SUBJECT, message(null), soon(clock));
    await clock.advance(1000);
    callee.link.reconnect();
    await clock.advance(500);
    expect((await call).body).toBe('done');
  });

  it('B3: and not for ever', async () => {
    const { broker, clock, side } = mesh();
    const caller = side('caller');
    broker.stop();
    broker.start();
    const call = failure(caller.bus.call(SUBJECT, message(null), soon(clock)));
    await clock.advance(RECONNECT_GRACE_MS + 500);
    expect((await call).code).toBe('NO_ACTOR');
  });
});

describe('bus outage — one side only', () => {
  it('B4: a reply lost on the callee’s side is said again', async () => {
    const { clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    const work = slow();
    callee.bus.serve(SUBJECT, work.handler);
    const call = caller.bus.call(SUBJECT, message(null), soon(clock));
    await work.started;
    callee.link.disconnect();
    work.finish();
    await settle();
    callee.link.reconnect();
    expect((await call).body).toBe('done');
  });

  it('B4: a reply lost on the caller’s side is asked for', async () => {
    const { clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    const work = slow();
    callee.bus.serve(SUBJECT, work.handler);
    const call = caller.bus.call(SUBJECT, message(null), soon(clock));
    await work.started;
    await settle();
    caller.link.disconnect();
    work.finish();
    await settle();
    caller.link.reconnect();
    expect((await call).body).toBe('done');
  });

  it('B6: a callee that stays away is ACTOR_LOST; its handler is aborted for want of a caller', async () => {
    const { clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    const started = gate();
    const stopped = gate();
    callee.bus.serve(SUBJECT, (_request, { signal }) => {
      started.open();
      signal.addEventListener('abort', stopped.open);
      return aborted(signal);
    });
    const call = failure(caller.bus.call(SUBJECT, message(null), soon(clock)));
    await started.opened;
    await settle();
    callee.link.disconnect();
    await clock.advance(KEEPALIVE_MS + 5000);
    expect((await call).code).toBe('ACTOR_LOST');
    callee.link.reconnect();
    await stopped.opened;
  });

  it('B5: what a caller waits for that is known to be dead is aborted at once, the rest goes on', async () => {
    const { clock, side } = mesh();
    const [dead, alive, callee] = [side('dead'), side('alive'), side('callee')];
    const work = slow();
    const stopped = gate();
    callee.bus.serve('latentmesh.v1.actor.test.stop', (_request, { signal }) => {
      signal.addEventListener('abort', stopped.open);
      return aborted(signal);
    });
    callee.bus.serve(SUBJECT, work.handler);
    void failure(dead.bus.call('latentmesh.v1.actor.test.stop', message(null), soon(clock)));
    const call = alive.bus.call(SUBJECT, message(null), soon(clock));
    await work.started;
    dead.link.disconnect();
    callee.bus.onCallerGone('dead');
    await stopped.opened;
    work.finish();
    expect((await call).body).toBe('done');
  });

  it('B2: a request that a stuck member swallowed goes to another', async () => {
    const { clock, side } = mesh();
    const caller = side('caller');
    const [stuck] = [side('stuck')];
    stuck.link.subscribe(SUBJECT, () => {}, { queue: 'test' });
    const call = caller.bus.call(SUBJECT, message(null), soon(clock));
    await settle();
    stuck.link.disconnect();
    side('well').bus.serve(SUBJECT, async () => message('well'), { queue: 'test' });
    await clock.advance(ACCEPT_TIMEOUT_MS + RECONNECT_GRACE_MS);
    expect((await call).body).toBe('well');
  });
});

describe('bus outage — in a transfer', () => {
  it.each(['request', 'reply'])('B4: a large %s goes on where it broke off', async (which) => {
    const { broker, clock, side } = mesh();
    const [caller, callee, spy] = [side('caller'), side('callee'), broker.connect()];
    let [runs, chunks] = [0, 0];
    callee.bus.serve(SUBJECT, async ({ tensors }) => {
      runs++;
      return message({}, tensors);
    });
    const middle = gate();
    spy.subscribe(`_INBOX.*.${which === 'request' ? 'upload' : 'download'}.*`, () => {
      if (++chunks === 50) middle.open();
    });
    const call = caller.bus.call(SUBJECT, message({}, { x: f32([FLOATS], ramp(FLOATS)) }), soon(clock));
    await middle.opened;
    broker.stop();
    await clock.advance(20_000);
    broker.start();
    await clock.advance(5000);
    const { tensors } = await call;
    expect(tensors.x!.data).toHaveLength(FLOATS);
    expect(tensors.x!.data.at(-1)).toBe(FLOATS - 1);
    expect(runs).toBe(1);
    // 8 MB are 131 chunks; nothing near twice of that was sent.
    expect(chunks).toBeLessThan(200);
  });

  it('TRANSFER_FAILED when the sender stands still', async () => {
    const { broker, clock, side } = mesh();
    const caller = side('caller');
    const stuck = new Stranger(broker.connect());
    stuck.listen(SUBJECT);
    const call = failure(caller.bus.call(SUBJECT, message(null), soon(clock)));
    const request = await stuck.hear('request');
    const headers = { [HEADER.kind]: 'reply', [HEADER.bytes]: '1000000' };
    stuck.say(request.reply!, headers, { reply: `${stuck.inbox}.control.x` });
    await stuck.hear('credit');
    await clock.advance(6000);
    expect((await call).toWire()).toMatchObject({
      code: 'TRANSFER_FAILED',
      details: { totalBytes: 1e6, receivedBytes: 0 },
    });
  });

  it('B7: takes in so many transfers at a time, the others wait', async () => {
    const { broker, clock, side } = mesh();
    const caller = side('caller');
    const sender = new Stranger(broker.connect());
    sender.listen(SUBJECT);
    const calls = Array.from({ length: MAX_TRANSFERS + 1 }, () => {
      const abort = new AbortController();
      const options = soon(clock, { signal: abort.signal });
      return { abort, outcome: failure(caller.bus.call(SUBJECT, message(null), options)) };
    });
    for (const _call of calls) {
      const { reply } = await sender.hear('request');
      const headers = { [HEADER.kind]: 'reply', [HEADER.bytes]: '1000000' };
      sender.say(reply!, headers, { reply: `${sender.inbox}.control.${reply!.split('.').at(-1)}` });
    }
    await settle();
    expect(await sender.count('credit')).toBe(MAX_TRANSFERS);
    calls[0]!.abort.abort();
    await calls[0]!.outcome;
    await settle();
    expect(await sender.count('credit')).toBe(MAX_TRANSFERS + 1);
  });
});

describe('bus outage — afterwards', () => {
  it('leaves no timer behind', async () => {
    const { broker, clock, side } = mesh();
    const [caller, callee] = [side('caller'), side('callee')];
    callee.bus.serve(SUBJECT, async ({ tensors }) => message(null, tensors));
    const large = message(null, { x: f32([FLOATS]) });
    await Promise.all([large, message(null)].map((request) => caller.bus.call(SUBJECT, request, soon(clock))));
    broker.stop();
    broker.start();
    await failure(caller.bus.call('a.b', message(null), { deadlineUnixMs: clock.now() })).catch(() => {});
    await Promise.all([caller.bus.close(), callee.bus.close()]);
    expect(clock.pendingTimers).toBe(0);
  });
});
