/** What a large reply is promised, by whichever way it comes: in chunks, over a unix socket, over TCP. */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Transfer } from '#shared/bus/bus.ts';
import { parseAddress } from '#shared/bus/direct-address.ts';
import type { DirectOptions } from '#shared/bus/direct-path.ts';
import type { MeshBus } from '#shared/bus/mesh-bus.ts';
import { HEADER } from '#shared/bus/protocol.ts';
import type { Transport } from '#shared/bus/transport.ts';
import { f32, pick } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';
import { failure, type Harness, harness, ramp, soon } from './harness.ts';
import { MISCHIEF, Middleman, rewriting } from './middleman.ts';
import { Stranger } from './stranger.ts';

const SUBJECT = 'latentmesh.v1.actor.test.work';
/** 2 MB. */
const LARGE = 500_000;
/** 200 KB: fits into a message. */
const MIDDLING = 50_000;
/** 20 MB: more than the system keeps for somebody who does not read. */
const DEAF = 5_000_000;
/** Short, so that a test sees a transfer stand still; long against a moment of a busy machine. */
const IDLE_MS = 400;
const NO_TOKEN = '00000000-0000-0000-0000-000000000000';

interface Way {
  readonly route: Transfer['route'];
  readonly direct?: DirectOptions;
  readonly like?: 'name' | 'file' | 'tcp';
  readonly systems: readonly NodeJS.Platform[];
}

const WAYS: Readonly<Record<string, Way>> = {
  chunks: { route: 'chunks', systems: ['linux', 'darwin', 'win32'] },
  'a named socket': { route: 'unix', direct: { unix: 'name', idleMs: IDLE_MS }, like: 'name', systems: ['linux'] },
  'a socket file': {
    route: 'unix',
    direct: { unix: 'file', idleMs: IDLE_MS },
    like: 'file',
    systems: ['linux', 'darwin'],
  },
  TCP: {
    route: 'tcp',
    direct: { unix: 'none', tcpHost: '127.0.0.1', idleMs: IDLE_MS },
    like: 'tcp',
    systems: ['linux', 'darwin', 'win32'],
  },
};

export function transferContract(name: string, connectTo: () => Promise<() => Promise<Transport>>): void {
  for (const [way, { route, direct, like, systems }] of Object.entries(WAYS)) {
    const start = async (change: (transport: Transport) => Transport = (same) => same): Promise<Harness> => {
      const connectOnce = await connectTo();
      return harness(async () => change(await connectOnce()), { ...(direct && { direct }) });
    };
    describe.skipIf(!systems.includes(process.platform))(`large replies by ${way}, announced over ${name}`, () => {
      everyWay(start, route);
      if (like) directWay(start, route, like);
    });
  }
}

interface Asked {
  readonly transfer: Transfer | undefined;
  readonly length: number;
  /** The first that is wrong: index and value. */
  readonly wrong: readonly [number, number] | undefined;
}

type Start = (change?: (transport: Transport) => Transport) => Promise<Harness>;

function everyWay(start: Start, route: Transfer['route']): void {
  it('come complete, and the caller is told how', async () => {
    await using mesh = await start();
    const { caller } = await pair(mesh);
    const { transfer, length, wrong } = await ask(mesh, caller);
    expect({ route: transfer?.route, length, wrong }).toEqual({ route, length: LARGE, wrong: undefined });
    expect(transfer!.sizeBytes).toBeGreaterThan(LARGE * 4);
  });

  it('B1: are kept apart, a hundred at once', async () => {
    await using mesh = await start();
    const { caller } = await pair(mesh);
    const sizes = Array.from({ length: 100 }, (_, i) => (i % 10 === 0 ? LARGE : 10) + i);
    const replies = await Promise.all(sizes.map((n) => caller.call(SUBJECT, message(n), soon(mesh.clock))));
    expect(replies.map(({ tensors }) => tensors.y!.data.at(-1))).toEqual(sizes.map((n) => n - 1));
  });

  it('B1: end on both sides when the caller gives up in the middle', async () => {
    await using mesh = await start();
    const { caller, subscription } = await pair(mesh);
    const spy = await mesh.connect();
    const abort = new AbortController();
    spy.subscribe('_INBOX.*.answer.*', ({ headers }) => headers[HEADER.bytes] && abort.abort());
    await spy.flush();
    const options = soon(mesh.clock, { signal: abort.signal });
    expect((await failure(caller.call(SUBJECT, message(LARGE * 4), options))).code).toBe('CANCELLED');
    await subscription.drain();
  });

  it('are delivered before the callee closes', async () => {
    await using mesh = await start();
    const { caller, callee } = await pair(mesh);
    const reply = caller.call(SUBJECT, message(LARGE * 5), soon(mesh.clock));
    await caller.flush();
    await callee.close();
    expect((await reply).tensors.y!.data.length).toBe(LARGE * 5);
  });

  it('wait for a receiver that stops reading until its deadline, and hold nothing longer', async () => {
    await using mesh = await start();
    const { callee, subscription } = await pair(mesh, DEAF);
    const stranger = new Stranger(await mesh.connect());
    await callee.flush();
    stranger.request(SUBJECT, 'call-1', 1000);
    const { headers, reply } = await stranger.hear('reply');
    const { [HEADER.direct]: address } = headers;
    if (address !== undefined) await deafReader(address);
    grant(stranger, reply!, 2);
    await stranger.hear('request');
    await mesh.clock.advance(1000);
    await subscription.drain();
  });
}

function directWay(start: Start, route: Transfer['route'], like: 'name' | 'file' | 'tcp'): void {
  it('come directly though they would fit into a message', async () => {
    await using mesh = await start();
    const { caller } = await pair(mesh, MIDDLING);
    expect(await ask(mesh, caller)).toMatchObject({ transfer: { route }, length: MIDDLING, wrong: undefined });
  });

  it('come in a message where they fit into one, once the caller could not dial', async () => {
    await using mesh = await start((transport) => rewriting(transport, () => `${NO_TOKEN} unix:/run/docker.sock`));
    const { caller } = await pair(mesh, MIDDLING);
    expect(await ask(mesh, caller)).toMatchObject({ transfer: { route: 'chunks' }, wrong: undefined });
    expect(await ask(mesh, caller)).toMatchObject({ transfer: { route: 'inline' }, wrong: undefined });
  });

  const byChunks = async (change: (address: string) => string): Promise<void> => {
    await using mesh = await start((transport) => rewriting(transport, change));
    const { caller } = await pair(mesh);
    expect(await ask(mesh, caller)).toMatchObject({ transfer: { route: 'chunks' }, length: LARGE, wrong: undefined });
  };

  it.each(Object.entries(MISCHIEF))('D2: come in chunks when the stream %s', async (_, meddle) => {
    await using man = await Middleman.listen(like, meddle);
    await byChunks(man.redirect);
  });

  it('D1: come in chunks when the token is wrong', () => byChunks((address) => address.replace(/^\S+/, NO_TOKEN)));

  it('D1: come in chunks when somebody was faster with the token, which is good once', async () => {
    await using man = await Middleman.listen(like, (from, to) => {
      // The token has been spent by now: the caller finds a callee that knows it no more.
      from.once('data', () => to.destroy());
    });
    await byChunks(man.redirect);
  });

  it('D2: come in chunks when nobody listens', async () => {
    const man = await Middleman.listen(like, () => {});
    await man[Symbol.asyncDispose]();
    await byChunks(man.redirect);
  });

  it.each(['', 'nobody', `${NO_TOKEN} unix:/run/docker.sock`, `${NO_TOKEN} tcp:127.0.0.1`])(
    'D2: come in chunks when the address is none of ours: %j',
    (elsewhere) => byChunks(() => elsewhere),
  );
}

/** A callee that gives as many numbers as it is asked for, `least` for none, and its caller. */
async function pair(
  mesh: Harness,
  least = LARGE,
): Promise<{
  caller: MeshBus;
  callee: MeshBus;
  subscription: ReturnType<MeshBus['serve']>;
}> {
  const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
  const subscription = callee.serve(SUBJECT, async ({ body }) => {
    const count = typeof body === 'number' ? body : least;
    return message(body, { y: f32([count], ramp(count)) });
  });
  await callee.flush();
  return { caller, callee, subscription };
}

async function ask(mesh: Harness, caller: MeshBus): Promise<Asked> {
  let transfer: Transfer | undefined;
  const onReply = (told: Transfer): void => {
    transfer = told;
  };
  const { tensors } = await caller.call(SUBJECT, message(null), soon(mesh.clock, { onReply }));
  const { data } = pick(tensors, 'y', 'f32');
  const at = data.findIndex((value, i) => value !== i);
  return { transfer, length: data.length, wrong: at < 0 ? undefined : [at, data[at]!] };
}

/** Spends the token and reads nothing, though it talks; resolves when the callee has had enough. */
async function deafReader(address: string): Promise<void> {
  const { token, places } = parseAddress(address)!;
  const socket = connect({ ...places[0]! }).pause();
  socket.on('error', () => {}); // so does the end look to somebody who does not read
  socket.write(token);
  const talking = setInterval(() => socket.write('?'), IDLE_MS / 10);
  await new Promise((closed) => socket.once('close', closed));
  clearInterval(talking);
  expect(socket.bytesRead).toBeLessThan(DEAF * 4);
}

function grant(stranger: Stranger, to: string, chunks: number): void {
  stranger.say(to, {
    [HEADER.kind]: 'credit',
    [HEADER.to]: `${stranger.inbox}.download.call-1`,
    [HEADER.next]: '0',
    [HEADER.limit]: `${chunks}`,
    [HEADER.rewind]: 'yes',
  });
}
