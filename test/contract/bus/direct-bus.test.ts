import { describe, expect, it } from 'vitest';
import { MemoryBroker } from '#shared/bus/memory-transport.ts';
import { HEADER } from '#shared/bus/protocol.ts';
import type { PublishOptions, Transport } from '#shared/bus/transport.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';
import { failure, type Harness, harness, ramp, soon } from './harness.ts';

const SUBJECT = 'latentmesh.v1.actor.test.work';
/** 2 MB. */
const LARGE = 500_000;

async function start(): Promise<Harness> {
  const broker = new MemoryBroker();
  return harness(async () => broker.connect(), { hasDirectPath: true });
}

/** The transport itself, with another address in what it publishes, and a note of the payload bytes. */
function rewriting(transport: Transport, change: (address: string) => string, sent: { bytes: number }): Transport {
  const publish = (subject: string, payload: Uint8Array, options: PublishOptions = {}): void => {
    sent.bytes += payload.byteLength;
    const address = options.headers?.[HEADER.direct];
    const headers = address === undefined ? options.headers : { ...options.headers, [HEADER.direct]: change(address) };
    transport.publish(subject, payload, { ...options, ...(headers && { headers }) });
  };
  return new Proxy(transport, {
    get: (target, name) => {
      const value: unknown = name === 'publish' ? publish : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe.skipIf(process.platform !== 'linux')('bus — large replies', () => {
  const DEAD = 'latentmesh-00000000-0000-0000-0000-000000000000';

  it.each<[string, (address: string) => string, 'direct' | 'chunks']>([
    ['pass by the server where the caller reaches the socket', (address) => address, 'direct'],
    ['D2: come in chunks where nobody listens', (address) => address.replace(/^\S+/, DEAD), 'chunks'],
    [
      'D2: come in chunks where the token is not known',
      (address) => address.replace(/ \S+$/, ` ${DEAD.slice(11)}`),
      'chunks',
    ],
    ['D2: come in chunks where the address is none', () => '/var/run/some.sock x', 'chunks'],
  ])('%s', async (_, change, way) => {
    const broker = new MemoryBroker();
    const sent = { bytes: 0 };
    await using mesh = harness(async () => rewriting(broker.connect(), change, sent), { hasDirectPath: true });
    const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
    callee.serve(SUBJECT, async () => message({}, { y: f32([LARGE], ramp(LARGE)) }));
    await callee.flush();
    const { tensors } = await caller.call(SUBJECT, message({}), soon(mesh.clock));
    expect(tensors.y!.data).toEqual(ramp(LARGE));
    expect(sent.bytes > LARGE * 4 ? 'chunks' : 'direct').toBe(way);
  });

  it('B1: are kept apart, a hundred at once', async () => {
    await using mesh = await start();
    const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
    callee.serve(SUBJECT, async ({ body }) => message(body, { y: f32([body as number], ramp(body as number)) }));
    await callee.flush();
    const sizes = Array.from({ length: 100 }, (_, i) => (i % 10 === 0 ? LARGE : 10) + i);
    const replies = await Promise.all(sizes.map((n) => caller.call(SUBJECT, message(n), soon(mesh.clock))));
    expect(replies.map(({ tensors }) => tensors.y!.data.at(-1))).toEqual(sizes.map((n) => n - 1));
  });

  it('B1: end on both sides when the caller gives up in the middle', async () => {
    await using mesh = await start();
    const [caller, callee, spy] = [await mesh.newBus('caller'), await mesh.newBus('callee'), await mesh.connect()];
    const abort = new AbortController();
    spy.subscribe('_INBOX.*.answer.*', ({ headers }) => headers[HEADER.direct] && abort.abort());
    await spy.flush();
    const subscription = callee.serve(SUBJECT, async () => message({}, { y: f32([LARGE * 20]) }));
    await callee.flush();
    const error = await failure(caller.call(SUBJECT, message(null), soon(mesh.clock, { signal: abort.signal })));
    expect(error.code).toBe('CANCELLED');
    await subscription.drain();
  });

  it('are delivered before the callee closes', async () => {
    await using mesh = await start();
    const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
    callee.serve(SUBJECT, async () => message({}, { y: f32([LARGE * 10], ramp(LARGE * 10)) }));
    await callee.flush();
    const reply = caller.call(SUBJECT, message({}), soon(mesh.clock));
    await caller.flush();
    await callee.close();
    expect((await reply).tensors.y!.data.length).toBe(LARGE * 10);
  });
});
