import { describe, expect, it } from 'vitest';
import { DirectPath } from '#shared/bus/direct-path.ts';
import { MeshBus, type MeshBusOptions } from '#shared/bus/mesh-bus.ts';
import { connectNats, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { HEADER } from '#shared/bus/protocol.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';
import { failure, gate } from '#test/contract/bus/harness.ts';
import { startNats } from '../nats-kit.ts';
import { startChild } from './child.ts';

const SUBJECT = 'latentmesh.v1.actor.test.work';
const LARGE = 5_000_000;

async function newBus(
  url: string,
  instance: string,
  options: Partial<MeshBusOptions> = {},
): Promise<AsyncDisposable & { bus: MeshBus }> {
  const bus = new MeshBus(await connectNats({ url, name: instance }), { instance, ...options });
  return { bus, [Symbol.asyncDispose]: () => bus.stop() };
}

function asDisposable(transport: NatsTransport): NatsTransport & AsyncDisposable {
  return Object.assign(transport, { [Symbol.asyncDispose]: () => transport.close() });
}

const inAMinute = (): { deadlineUnixMs: number } => ({ deadlineUnixMs: Date.now() + 60_000 });

describe('bus on NATS — the server is killed and started again', () => {
  it('B4: a call in the middle of its work ends with its reply, its handler ran once', async () => {
    await using nats = await startNats();
    await using caller = await newBus(nats.url, 'caller');
    await using callee = await newBus(nats.url, 'callee');
    const [started, finish] = [gate(), gate()];
    let runs = 0;
    callee.bus.serve(SUBJECT, async () => {
      runs++;
      started.open();
      await finish.opened;
      return message('done');
    });
    await callee.bus.flush();
    const call = caller.bus.call(SUBJECT, message(null), inAMinute());
    await started.opened;
    await nats.restart();
    finish.open();
    expect((await call).body).toBe('done');
    expect(runs).toBe(1);
  });

  it('B4: a reply given while there is no server arrives', async () => {
    await using nats = await startNats();
    await using caller = await newBus(nats.url, 'caller');
    await using callee = await newBus(nats.url, 'callee');
    const [started, finish] = [gate(), gate()];
    let runs = 0;
    callee.bus.serve(SUBJECT, async () => {
      runs++;
      started.open();
      await finish.opened;
      return message({ n: runs }, { x: f32([LARGE]) });
    });
    await callee.bus.flush();
    const call = caller.bus.call(SUBJECT, message(null), inAMinute());
    await started.opened;
    await nats.kill();
    finish.open();
    await nats.start();
    const { body, tensors } = await call;
    expect([body, tensors.x!.shape]).toEqual([{ n: 1 }, [LARGE]]);
    expect(runs).toBe(1);
  });

  it('B4: a transfer goes on', async () => {
    await using nats = await startNats();
    await using caller = await newBus(nats.url, 'caller');
    await using callee = await newBus(nats.url, 'callee');
    let runs = 0;
    callee.bus.serve(SUBJECT, async ({ tensors }) => {
      runs++;
      return message({ last: tensors.x!.data.at(-1) });
    });
    await callee.bus.flush();
    const spy = await connectNats({ url: nats.url, name: 'spy' });
    const middle = gate();
    spy.subscribe('_INBOX.*.upload.*', () => middle.open());
    await spy.flush();
    const data = new Float32Array(LARGE).fill(7);
    const call = caller.bus.call(SUBJECT, message({}, { x: f32([LARGE], data) }), inAMinute());
    await middle.opened;
    await nats.restart();
    expect((await call).body).toEqual({ last: 7 });
    expect(runs).toBe(1);
    await spy.close();
  });

  it('a call made meanwhile is answered afterwards', async () => {
    await using nats = await startNats();
    await using caller = await newBus(nats.url, 'caller');
    await using callee = await newBus(nats.url, 'callee');
    callee.bus.serve(SUBJECT, async () => message('done'));
    await callee.bus.flush();
    await nats.kill();
    const call = caller.bus.call(SUBJECT, message(null), inAMinute());
    await nats.start();
    expect((await call).body).toBe('done');
  });
});

describe('bus on NATS — the callee is killed', () => {
  it('B6: the call ends with ACTOR_LOST, by itself', async () => {
    await using nats = await startNats();
    await using caller = await newBus(nats.url, 'caller');
    await using child = startChild('callee-process.ts', [nats.url, SUBJECT]);
    await child.said('ready');
    const call = failure(caller.bus.call(SUBJECT, message(null), inAMinute()));
    await child.said('started');
    await child.kill();
    const error = await call;
    expect([error.code, error.details.instance]).toEqual(['ACTOR_LOST', 'callee-process']);
  });

  it.each<[string, string[], boolean]>([
    ['a unix socket', [], true],
    ['TCP', ['127.0.0.1'], true],
    ['chunks', [], false],
  ])('B6: ACTOR_LOST when it is killed while its reply comes by %s', async (_, args, isDirect) => {
    await using nats = await startNats();
    const direct = isDirect ? { direct: await DirectPath.open() } : {};
    await using caller = await newBus(nats.url, 'caller', direct);
    await using child = startChild('callee-process.ts', [nats.url, SUBJECT, ...args]);
    await using spy = await connectNats({ url: nats.url, name: 'spy' }).then(asDisposable);
    await child.said('ready');
    const announced = gate();
    spy.subscribe('_INBOX.*.answer.*', ({ headers }) => headers[HEADER.bytes] && announced.open());
    await spy.flush();
    // 200 MB: some hundred ms.
    const call = failure(caller.bus.call(SUBJECT, message(LARGE * 10), inAMinute()));
    await announced.opened;
    await child.kill();
    expect((await call).code).toBe('ACTOR_LOST');
  });

  it('and at once when the caller’s signal says so', async () => {
    await using nats = await startNats();
    await using caller = await newBus(nats.url, 'caller');
    await using child = startChild('callee-process.ts', [nats.url, SUBJECT]);
    await child.said('ready');
    const lost = new AbortController();
    const call = failure(caller.bus.call(SUBJECT, message(null), { ...inAMinute(), signal: lost.signal }));
    await child.said('started');
    await child.kill();
    lost.abort(new MeshError('ACTOR_LOST', 'No heartbeat for 3 s.'));
    expect((await call).message).toBe('No heartbeat for 3 s.');
    expect((await failure(caller.bus.call(SUBJECT, message(null), inAMinute()))).code).toBe('NO_ACTOR');
  });
});

describe('connecting to NATS', () => {
  it('BUS_UNAVAILABLE names the server that does not answer, without its password', async () => {
    const error = await failure(connectNats({ url: 'nats://me:secret@127.0.0.1:1', name: 'test' }));
    expect(error.code).toBe('BUS_UNAVAILABLE');
    expect(error.message).toContain('127.0.0.1:1');
    expect(error.message).not.toContain('secret');
  });

  it('takes user and password, or a token, from the URL', async () => {
    await using nats = await startNats('authorization { user: me, password: "p@ss" }');
    const { host } = new URL(nats.url);
    const transport = await connectNats({ url: `nats://me:p%40ss@${host}`, name: 'test' });
    await transport.flush();
    await transport.close();
    expect((await failure(connectNats({ url: `nats://me:wrong@${host}`, name: 'test' }))).code).toBe('CONFIGURATION');
  });
});
