/** What if X comes before Y: the protocol's messages lost, doubled, late, or from the wrong side. */
import { describe, expect, it } from 'vitest';
import { HEADER } from '#shared/bus/protocol.ts';
import { subjects } from '#shared/bus/subjects.ts';
import { WINDOW_CHUNKS } from '#shared/bus/transfer-receiver.ts';
import { CHUNK_BYTES, TransferSender } from '#shared/bus/transfer-sender.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { decode, encode } from '#shared/wire/codec.ts';
import { message } from '#shared/wire/message.ts';
import { join } from '#shared/wire/segments.ts';
import { aborted, failure, gate, type Harness, ramp, soon } from './harness.ts';
import { bytesOf, type Heard, Stranger } from './stranger.ts';

const SUBJECT = 'latentmesh.v1.actor.test.work';
const KIND = HEADER.kind;

export function busAdversaries(name: string, start: () => Promise<Harness>): void {
  describe(`bus adversaries on ${name} — against a callee`, () => {
    it('B2: a request that comes twice runs once, and is answered twice', async () => {
      await using mesh = await start();
      const [callee, stranger] = [await mesh.newBus('callee'), new Stranger(await mesh.connect())];
      let runs = 0;
      callee.serve(SUBJECT, async () => message(++runs));
      await callee.flush();
      for (let i = 0; i < 2; i++) {
        stranger.request(SUBJECT, 'call-1', 1000);
        expect(decode((await stranger.hear('reply')).payload).body).toBe(1);
      }
    });

    it('B2: an echo of a call that is over does not run again', async () => {
      await using mesh = await start();
      const [callee, stranger] = [await mesh.newBus('callee'), new Stranger(await mesh.connect())];
      let runs = 0;
      callee.serve(SUBJECT, async () => message(++runs));
      await callee.flush();
      stranger.request(SUBJECT, 'call-1', 1000);
      const { reply } = await stranger.hear('reply');
      stranger.say(reply!, { [KIND]: 'release' });
      stranger.request(SUBJECT, 'call-1', 1000);
      await stranger.hear('unknown');
      expect(runs).toBe(1);
    });

    it('a release that runs ahead of its request keeps it from running', async () => {
      await using mesh = await start();
      const [callee, stranger] = [await mesh.newBus('callee'), new Stranger(await mesh.connect())];
      let runs = 0;
      callee.serve(SUBJECT, async () => message(++runs));
      await callee.flush();
      stranger.say(subjects.call('call-1'), { [KIND]: 'release', [HEADER.call]: 'call-1' });
      stranger.request(SUBJECT, 'call-1', 1000);
      await stranger.hear('unknown');
      expect(runs).toBe(0);
    });

    it('B1: a handler that returns after the release sends nothing', async () => {
      await using mesh = await start();
      const [callee, stranger] = [await mesh.newBus('callee'), new Stranger(await mesh.connect())];
      const [gone, finish] = [gate(), gate()];
      const subscription = callee.serve(SUBJECT, async (_request, { signal }) => {
        signal.addEventListener('abort', gone.open);
        await finish.opened;
        return message('too late');
      });
      await callee.flush();
      stranger.request(SUBJECT, 'call-1', 1000);
      const { reply } = await stranger.hear('accepted');
      stranger.say(reply!, { [KIND]: 'release' });
      await gone.opened;
      finish.open();
      await subscription.drain();
      await callee.flush();
      expect(await stranger.count('reply')).toBe(0);
    });

    it('repeats its reply when asked, until it is released', async () => {
      await using mesh = await start();
      const [callee, stranger] = [await mesh.newBus('callee'), new Stranger(await mesh.connect())];
      callee.serve(SUBJECT, async () => message('kept'));
      await callee.flush();
      stranger.request(SUBJECT, 'call-1', 1000);
      const { reply } = await stranger.hear('reply');
      const again = { reply: `${stranger.inbox}.probe.call-1` };
      stranger.say(reply!, { [KIND]: 'query' }, again);
      expect(decode((await stranger.hear('reply')).payload).body).toBe('kept');
      stranger.say(reply!, { [KIND]: 'release' });
      stranger.say(reply!, { [KIND]: 'query' }, again);
      await stranger.hear('unknown');
    });

    it('B7: sends no chunk without credit, and goes back when told', async () => {
      await using mesh = await start();
      const [callee, stranger] = [await mesh.newBus('callee'), new Stranger(await mesh.connect())];
      callee.serve(SUBJECT, async () => message({}, { x: f32([1_000_000], ramp(1_000_000)) }));
      await callee.flush();
      stranger.request(SUBJECT, 'call-1', 1000);
      const { reply, headers } = await stranger.hear('reply');
      expect(Number(headers[HEADER.bytes])).toBeGreaterThan(4_000_000);
      const credit = (next: number, limit: number, more: Record<string, string> = {}): void =>
        stranger.say(reply!, {
          [KIND]: 'credit',
          [HEADER.to]: `${stranger.inbox}.download.call-1`,
          [HEADER.next]: `${next}`,
          [HEADER.limit]: `${limit}`,
          ...more,
        });
      credit(0, 3, { [HEADER.rewind]: 'yes' });
      const first = await hearChunks(stranger, 3);
      await callee.flush();
      expect(await stranger.count('request')).toBe(0);
      expect(first).toEqual([0, 1, 2]);
      credit(1, 4, { [HEADER.rewind]: 'yes' });
      expect(await hearChunks(stranger, 3)).toEqual([1, 2, 3]);
    });

    it.each([
      ['no call id', { [HEADER.call]: '' }],
      ['an id that reaches other subjects', { [HEADER.call]: 'a.>' }],
      ['no deadline', { [HEADER.remainingMs]: 'tomorrow' }],
      ['a length of nothing', { [HEADER.bytes]: '0' }],
      ['a length beyond the limit', { [HEADER.bytes]: '1e18' }],
      ['a length that is no number', { [HEADER.bytes]: 'x' }],
    ])('refuses a request with %s', async (_name, headers) => {
      await using mesh = await start();
      const [callee, stranger] = [await mesh.newBus('callee'), new Stranger(await mesh.connect())];
      callee.serve(SUBJECT, async () => message(null));
      await callee.flush();
      stranger.request(SUBJECT, 'call-1', 1000, headers);
      expect(Buffer.from((await stranger.hear('request')).payload).toString()).toContain('INVALID_REQUEST');
    });

    it('answers a request that is no message with WIRE_INVALID', async () => {
      await using mesh = await start();
      const [callee, stranger] = [await mesh.newBus('callee'), new Stranger(await mesh.connect())];
      callee.serve(SUBJECT, async () => message(null));
      await callee.flush();
      const headers = { [HEADER.call]: 'call-1', [HEADER.remainingMs]: '1000' };
      stranger.say(SUBJECT, headers, { payload: Buffer.from('nonsense'), reply: `${stranger.inbox}.answer.call-1` });
      expect(Buffer.from((await stranger.hear('error')).payload).toString()).toContain('WIRE_INVALID');
    });
  });

  describe(`bus adversaries on ${name} — against a caller`, () => {
    it('B1: a second reply changes nothing, and is released', async () => {
      await using mesh = await start();
      const { call, stranger, request } = await called(mesh);
      const answer = (body: string): void =>
        stranger.say(
          request.reply!,
          { [KIND]: 'reply' },
          { payload: bytesOf(body), reply: `${stranger.inbox}.control.x` },
        );
      answer('first');
      answer('second');
      expect((await call).body).toBe('first');
      await stranger.hear('release');
      await stranger.hear('release');
    });

    it('B1: a reply after the caller’s abort is released', async () => {
      await using mesh = await start();
      const abort = new AbortController();
      const { call, stranger, request } = await called(mesh, abort.signal);
      abort.abort();
      expect((await failure(call)).code).toBe('CANCELLED');
      stranger.say(request.reply!, { [KIND]: 'reply' }, { payload: bytesOf(1), reply: `${stranger.inbox}.control.x` });
      await stranger.hear('release');
    });

    it('B2: of two that accept, the first is the callee and the other is let go', async () => {
      await using mesh = await start();
      const { call, stranger, request } = await called(mesh);
      const [first, second] = [`${stranger.inbox}.control.first`, `${stranger.inbox}.control.second`];
      stranger.say(request.reply!, { [KIND]: 'accepted' }, { reply: first });
      stranger.say(request.reply!, { [KIND]: 'reply' }, { payload: bytesOf('second'), reply: second });
      await stranger.hear('release');
      stranger.say(request.reply!, { [KIND]: 'reply' }, { payload: bytesOf('first'), reply: first });
      expect((await call).body).toBe('first');
    });

    it('ACTOR_LOST when the callee knows nothing of the call', async () => {
      await using mesh = await start();
      const { call, stranger, request } = await called(mesh);
      stranger.say(
        request.reply!,
        { [KIND]: 'accepted', [HEADER.instance]: 'a1' },
        { reply: `${stranger.inbox}.control.x` },
      );
      stranger.say(request.reply!, { [KIND]: 'unknown' });
      const error = await failure(call);
      expect([error.code, error.details]).toEqual(['ACTOR_LOST', { subject: SUBJECT, instance: 'a1' }]);
    });

    it('WIRE_INVALID when the reply is no message, or of an impossible length', async () => {
      await using mesh = await start();
      for (const length of [undefined, '0', '-1', '1e30', 'NaN']) {
        const { call, stranger, request } = await called(mesh);
        const headers = { [KIND]: 'reply', ...(length && { [HEADER.bytes]: length }) };
        stranger.say(request.reply!, headers, { payload: Buffer.from('x'), reply: `${stranger.inbox}.control.x` });
        expect((await failure(call)).code).toBe('WIRE_INVALID');
        await stranger.transport.close();
      }
    });

    it('an error that is none of this mesh is INTERNAL', async () => {
      await using mesh = await start();
      const { call, stranger, request } = await called(mesh);
      const headers = { [KIND]: 'error', 'Nats-Service-Error': 'boom', 'Nats-Service-Error-Code': '500' };
      stranger.say(request.reply!, headers, { reply: `${stranger.inbox}.control.x` });
      expect((await failure(call)).toWire()).toMatchObject({ code: 'INTERNAL', message: 'boom' });
    });

    it('asks for chunks that are missing, whatever their order, and never for more than its window', async () => {
      await using mesh = await start();
      const { call, stranger, request } = await called(mesh);
      const segments = encode(message({}, { x: f32([2_000_000], ramp(2_000_000)) }));
      const bytes = join(segments);
      const headers = { [KIND]: 'reply', [HEADER.bytes]: `${bytes.byteLength}` };
      stranger.say(request.reply!, headers, { reply: `${stranger.inbox}.control.x` });
      const { headers: credit } = await stranger.hear('credit');
      expect([credit[HEADER.next], credit[HEADER.limit]]).toEqual(['0', `${WINDOW_CHUNKS}`]);
      for (const index of [1, 0, 2, 2, 5, 3, 4]) stranger.say(credit[HEADER.to]!, {}, { payload: chunk(bytes, index) });
      const rewound = await stranger.hear('credit');
      expect([rewound.headers[HEADER.next], rewound.headers[HEADER.rewind]]).toEqual(['0', 'yes']);
      const again = await stranger.hear('credit');
      expect([again.headers[HEADER.next], again.headers[HEADER.rewind]]).toEqual(['1', 'yes']);
      const sender = new TransferSender(stranger.transport, segments);
      serveCredit(stranger, sender);
      sender.onCredit({ ...again, subject: '', isNoResponders: false });
      expect(Buffer.compare(floats((await call).tensors.x!.data as Float32Array), floats(ramp(2_000_000)))).toBe(0);
    });

    it('TRANSFER_FAILED when a chunk has the wrong length', async () => {
      await using mesh = await start();
      const { call, stranger, request } = await called(mesh);
      const headers = { [KIND]: 'reply', [HEADER.bytes]: '1000000' };
      stranger.say(request.reply!, headers, { reply: `${stranger.inbox}.control.x` });
      const { headers: credit } = await stranger.hear('credit');
      stranger.say(credit[HEADER.to]!, {}, { payload: new Uint8Array(100) });
      expect((await failure(call)).code).toBe('TRANSFER_FAILED');
      await stranger.hear('release');
    });
  });

  describe(`bus adversaries on ${name} — death`, () => {
    it('B6: ACTOR_LOST when the callee’s process is gone', async () => {
      await using mesh = await start();
      const [caller, dying] = [await mesh.newBus('caller'), new Stranger(await mesh.connect())];
      dying.listen(SUBJECT);
      await dying.transport.flush();
      const call = failure(caller.call(SUBJECT, message(null), soon(mesh.clock)));
      const request = await dying.hear('request');
      dying.say(request.reply!, { [KIND]: 'accepted' }, { reply: `${dying.inbox}.control.x` });
      await caller.flush();
      await dying.transport.flush();
      await dying.transport.close();
      await passTime(mesh, call);
      expect((await call).code).toBe('ACTOR_LOST');
    });

    it('B5: the handler is aborted when the caller’s process is gone', async () => {
      await using mesh = await start();
      const [callee, dying] = [await mesh.newBus('callee'), new Stranger(await mesh.connect())];
      const stopped = Promise.withResolvers<unknown>();
      callee.serve(SUBJECT, (_request, { signal }) => {
        signal.addEventListener('abort', () => stopped.resolve(signal.reason));
        return aborted(signal);
      });
      await callee.flush();
      dying.request(SUBJECT, 'call-1', 60_000);
      await dying.hear('accepted');
      await dying.transport.close();
      await passTime(mesh, stopped.promise);
      expect(await stopped.promise).toMatchObject({ code: 'CANCELLED', message: 'The caller is gone.' });
    });
  });
}

/** A call that has reached a stranger, who is to answer it. */
async function called(
  mesh: Harness,
  signal?: AbortSignal,
): Promise<{
  call: Promise<Awaited<ReturnType<Awaited<ReturnType<Harness['newBus']>>['call']>>>;
  stranger: Stranger;
  request: Heard;
}> {
  const caller = await mesh.newBus('caller');
  const stranger = new Stranger(await mesh.connect());
  stranger.listen(SUBJECT);
  stranger.listen(subjects.calls);
  await stranger.transport.flush();
  const call = caller.call(SUBJECT, message(null), soon(mesh.clock, signal ? { signal } : {}));
  call.catch(() => {});
  return { call, stranger, request: await stranger.hear('request') };
}

async function hearChunks(stranger: Stranger, count: number): Promise<number[]> {
  const indices: number[] = [];
  for (let i = 0; i < count; i++) {
    const { payload } = await stranger.hear('request');
    expect(payload.byteLength).toBe(4 + CHUNK_BYTES);
    indices.push(new DataView(payload.buffer).getUint32(0, true));
  }
  return indices;
}

function chunk(bytes: Uint8Array, index: number): Uint8Array {
  const data = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  const head = Buffer.alloc(4);
  head.writeUInt32LE(index);
  return Buffer.concat([head, data]);
}

function serveCredit(stranger: Stranger, sender: TransferSender): void {
  stranger.transport.subscribe(`${stranger.inbox}.control.*`, (delivery) => {
    if (delivery.headers[KIND] === 'credit') sender.onCredit(delivery);
  });
}

const floats = (data: Float32Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** Moves the clock on, with time for messages in between, until the promise settles. */
async function passTime(mesh: Harness, until: Promise<unknown>): Promise<void> {
  let isOver = false;
  void until.finally(() => {
    isOver = true;
  });
  const probe = await mesh.connect();
  for (let i = 0; i < 100 && !isOver; i++) {
    await mesh.clock.advance(250);
    await probe.flush();
  }
}
