/** What every bus does, whatever carries it. Run over each transport by the files beside this one. */
import { describe, expect, it } from 'vitest';
import { errorReply } from '#shared/bus/error-reply.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { f32, tensor } from '#shared/tensor/tensor.ts';
import { message } from '#shared/wire/message.ts';
import { aborted, failure, gate, type Harness, ramp, soon } from './harness.ts';
import { ManualClock } from './manual-clock.ts';

const SUBJECT = 'latentmesh.v1.actor.test.work';
/** 5 MB: beyond a message, and beyond one window of chunks. */
const LARGE = 1_250_000;

export function busContract(name: string, start: () => Promise<Harness>): void {
  describe(`bus contract on ${name} — calls`, () => {
    it('B1: a call gets the reply of its handler, with body, tensors and headers', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      callee.serve(SUBJECT, async (request, { headers, subject, deadlineUnixMs }) =>
        message({ body: request.body, headers, subject, deadlineUnixMs }, request.tensors),
      );
      await callee.flush();
      const tensors = { x: f32([2], ramp(2)), bits: tensor('f16', [3], new Uint16Array([1, 2, 3])) };
      const options = soon(mesh.clock, { headers: { traceparent: '00-abc', 'x-job': 'j 1' } });
      const reply = await caller.call(SUBJECT, message({ n: 1 }, tensors), options);
      expect(reply.tensors).toEqual(tensors);
      expect(reply.body).toEqual({
        body: { n: 1 },
        headers: { traceparent: '00-abc', 'x-job': 'j 1' },
        subject: SUBJECT,
        deadlineUnixMs: options.deadlineUnixMs,
      });
    });

    it('carries a request and a reply of 5 MB each', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      callee.serve(SUBJECT, async ({ tensors }) => message({ n: tensors.x!.data.length }, { y: tensors.x! }));
      await callee.flush();
      const data = ramp(LARGE);
      const reply = await caller.call(SUBJECT, message({}, { x: f32([LARGE], data) }), soon(mesh.clock));
      expect(reply.body).toEqual({ n: LARGE });
      expect(
        Buffer.compare(
          Buffer.from(reply.tensors.y!.data.buffer, reply.tensors.y!.data.byteOffset, LARGE * 4),
          Buffer.from(data.buffer),
        ),
      ).toBe(0);
    });

    it('B1: keeps a hundred calls apart', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      callee.serve(SUBJECT, async ({ body, tensors }) => message(body, tensors));
      await callee.flush();
      const sizes = Array.from({ length: 100 }, (_value, i) => (i % 10 === 0 ? 200_000 : 10) + i);
      const replies = await Promise.all(
        sizes.map((n) => caller.call(SUBJECT, message(n, { x: f32([n], ramp(n)) }), soon(mesh.clock))),
      );
      expect(replies.map(({ body }) => body)).toEqual(sizes);
      expect(replies.map(({ tensors }) => tensors.x!.data.at(-1))).toEqual(sizes.map((n) => n - 1));
    });

    it('lets a handler call the bus that serves it', async () => {
      await using mesh = await start();
      const bus = await mesh.newBus('both');
      bus.serve('latentmesh.v1.actor.test.inner', async () => message('inner'));
      bus.serve(SUBJECT, (request, { deadlineUnixMs }) =>
        bus.call('latentmesh.v1.actor.test.inner', request, { deadlineUnixMs }),
      );
      await bus.flush();
      expect((await bus.call(SUBJECT, message(null), soon(mesh.clock))).body).toBe('inner');
    });
  });

  describe(`bus contract on ${name} — failures`, () => {
    it('B1: a MeshError reaches the caller with code, message and details', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      callee.serve(SUBJECT, () =>
        Promise.reject(new MeshError('UNKNOWN_LORA', 'No LoRA "x".\nTry "y".', { near: ['y'] })),
      );
      await callee.flush();
      const error = await failure(caller.call(SUBJECT, message(null), soon(mesh.clock)));
      expect(error.toWire()).toEqual({
        code: 'UNKNOWN_LORA',
        message: 'No LoRA "x".\nTry "y".',
        details: { near: ['y'] },
      });
      expect(callee.endpoints()).toMatchObject([
        { requests: 1, errors: 1, lastError: 'UNKNOWN_LORA: No LoRA "x".\nTry "y".' },
      ]);
    });

    it('any other throw is INTERNAL, without its stack', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      callee.serve(SUBJECT, () => Promise.reject(new TypeError('x is undefined')));
      await callee.flush();
      const error = await failure(caller.call(SUBJECT, message(null), soon(mesh.clock)));
      expect(error.code).toBe('INTERNAL');
      expect(error.message).toBe('x is undefined');
      expect(JSON.stringify(error.toWire())).not.toContain('at ');
    });

    it('a reply that cannot be sent is the callee’s error', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      callee.serve(SUBJECT, async () => message({ at: new Date(0) }));
      await callee.flush();
      expect((await failure(caller.call(SUBJECT, message(null), soon(mesh.clock)))).code).toBe('WIRE_INVALID');
    });

    it('B3: NO_ACTOR at once when nobody serves the subject', async () => {
      await using mesh = await start();
      const caller = await mesh.newBus('caller');
      const error = await failure(caller.call(SUBJECT, message(null), soon(mesh.clock)));
      expect(error.code).toBe('NO_ACTOR');
      expect(error.details).toEqual({ subject: SUBJECT });
    });

    it('a call whose deadline has passed is not sent', async () => {
      await using mesh = await start();
      const bus = await mesh.newBus('both');
      let runs = 0;
      bus.serve(SUBJECT, async () => message(++runs));
      await bus.flush();
      const error = await failure(bus.call(SUBJECT, message(null), { deadlineUnixMs: mesh.clock.now() }));
      expect(error.code).toBe('DEADLINE_EXCEEDED');
      await bus.flush();
      expect(runs).toBe(0);
    });

    it('a callee whose clock is an hour ahead or behind has the time that the caller gives', async () => {
      await using mesh = await start();
      const caller = await mesh.newBus('caller');
      for (const [i, aheadMs] of [3_600_000, -3_600_000].entries()) {
        const clock = new ManualClock(mesh.clock.now() + aheadMs);
        const callee = await mesh.newBus(`callee-${i}`, clock);
        const subject = `latentmesh.v1.actor.test.clock-${i}`;
        callee.serve(subject, async (_request, { deadlineUnixMs }) => message(deadlineUnixMs - clock.now()));
        await callee.flush();
        const deadlineUnixMs = mesh.clock.now() + 1000;
        expect((await caller.call(subject, message(null), { deadlineUnixMs })).body).toBe(1000);
      }
    });

    it('B5: at the deadline the caller fails and the handler’s signal aborts', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      const started = gate();
      const reason = gate();
      callee.serve(SUBJECT, (_request, { signal }) => {
        started.open();
        signal.addEventListener('abort', reason.open);
        return aborted(signal);
      });
      await callee.flush();
      const call = failure(caller.call(SUBJECT, message(null), { deadlineUnixMs: mesh.clock.now() + 1000 }));
      await started.opened;
      await mesh.clock.advance(1000);
      expect((await call).code).toBe('DEADLINE_EXCEEDED');
      await reason.opened;
    });

    it('B5: a caller’s abort reaches the handler, and its reason the caller', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      const started = gate();
      const stopped = Promise.withResolvers<unknown>();
      callee.serve(SUBJECT, (_request, { signal }) => {
        started.open();
        signal.addEventListener('abort', () => stopped.resolve(signal.reason));
        return aborted(signal);
      });
      await callee.flush();
      const abort = new AbortController();
      const call = failure(caller.call(SUBJECT, message(null), soon(mesh.clock, { signal: abort.signal })));
      await started.opened;
      abort.abort(new MeshError('ACTOR_LOST', 'No heartbeat.'));
      expect((await call).code).toBe('ACTOR_LOST');
      expect(((await stopped.promise) as MeshError).code).toBe('CANCELLED');
    });

    it('B1: an abort in the middle of a transfer ends both sides', async () => {
      await using mesh = await start();
      const [caller, callee, spy] = [await mesh.newBus('caller'), await mesh.newBus('callee'), await mesh.connect()];
      const abort = new AbortController();
      spy.subscribe('_INBOX.*.download.*', () => abort.abort());
      await spy.flush();
      const subscription = callee.serve(SUBJECT, async () => message({}, { x: f32([LARGE * 4]) }));
      await callee.flush();
      const error = await failure(caller.call(SUBJECT, message(null), soon(mesh.clock, { signal: abort.signal })));
      expect(error.code).toBe('CANCELLED');
      await subscription.drain();
    });

    it('B1: an abort before the call sends nothing', async () => {
      await using mesh = await start();
      const caller = await mesh.newBus('caller');
      const call = caller.call(SUBJECT, message(null), soon(mesh.clock, { signal: AbortSignal.abort() }));
      expect((await failure(call)).code).toBe('CANCELLED');
    });
  });

  describe(`bus contract on ${name} — draining`, () => {
    it('T3: the members of a queue share the calls, each call runs once', async () => {
      await using mesh = await start();
      const caller = await mesh.newBus('caller');
      const runs: string[] = [];
      for (const name of ['a', 'b']) {
        const bus = await mesh.newBus(name);
        bus.serve(SUBJECT, async () => message(runs.push(name)), { queue: 'test' });
        await bus.flush();
      }
      await Promise.all(Array.from({ length: 60 }, () => caller.call(SUBJECT, message(null), soon(mesh.clock))));
      expect(runs).toHaveLength(60);
      expect(new Set(runs)).toEqual(new Set(['a', 'b']));
    });

    it('lets accepted calls finish, and takes no new ones', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      const [started, finish] = [gate(), gate()];
      const subscription = callee.serve(SUBJECT, async () => {
        started.open();
        await finish.opened;
        return message('done');
      });
      await callee.flush();
      const accepted = caller.call(SUBJECT, message(null), soon(mesh.clock));
      await started.opened;
      const drained = subscription.drain();
      await callee.flush();
      expect((await failure(caller.call(SUBJECT, message(null), soon(mesh.clock)))).code).toBe('NO_ACTOR');
      finish.open();
      expect((await accepted).body).toBe('done');
      await drained;
    });

    it('sends newcomers to another member of the queue', async () => {
      await using mesh = await start();
      const [caller, leaving, staying] = [
        await mesh.newBus('c'),
        await mesh.newBus('leaving'),
        await mesh.newBus('staying'),
      ];
      const subscription = leaving.serve(SUBJECT, async () => message('leaving'), { queue: 'test' });
      staying.serve(SUBJECT, async () => message('staying'), { queue: 'test' });
      await Promise.all([leaving.flush(), staying.flush()]);
      await subscription.drain();
      const replies = await Promise.all(
        Array.from({ length: 20 }, () => caller.call(SUBJECT, message(null), soon(mesh.clock))),
      );
      expect(new Set(replies.map(({ body }) => body))).toEqual(new Set(['staying']));
    });

    it('closes with a large reply delivered; closing twice is closing', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      const started = gate();
      callee.serve(SUBJECT, async () => {
        started.open();
        return message({}, { x: f32([LARGE]) });
      });
      await callee.flush();
      const call = caller.call(SUBJECT, message(null), soon(mesh.clock));
      await started.opened;
      await Promise.all([callee.close(), callee.close()]);
      expect((await call).tensors.x!.data).toHaveLength(LARGE);
    });

    it('B5: a stopped bus answers DRAINING and aborts its handlers', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      const [started, stopped] = [gate(), gate()];
      callee.serve(SUBJECT, (_request, { signal }) => {
        started.open();
        signal.addEventListener('abort', stopped.open);
        return aborted(signal);
      });
      await callee.flush();
      const call = failure(caller.call(SUBJECT, message(null), soon(mesh.clock)));
      await started.opened;
      await callee.stop();
      await stopped.opened;
      expect((await call).code).toBe('DRAINING');
    });

    it('B1: closing fails the calls that are out, and later ones', async () => {
      await using mesh = await start();
      const [caller, callee] = [await mesh.newBus('caller'), await mesh.newBus('callee')];
      const started = gate();
      callee.serve(SUBJECT, (_request, { signal }) => {
        started.open();
        return aborted(signal);
      });
      await callee.flush();
      const call = failure(caller.call(SUBJECT, message(null), soon(mesh.clock)));
      await started.opened;
      await caller.close();
      expect((await call).code).toBe('BUS_UNAVAILABLE');
      expect((await failure(caller.call(SUBJECT, message(null), soon(mesh.clock)))).code).toBe('BUS_UNAVAILABLE');
    });
  });

  describe(`bus contract on ${name} — publishing`, () => {
    it('T1: subscribers get what is published, in order, with subject and headers', async () => {
      await using mesh = await start();
      const [publisher, subscriber] = [await mesh.newBus('publisher'), await mesh.newBus('subscriber')];
      const got: unknown[] = [];
      const all = gate();
      subscriber.subscribe('latentmesh.v1.heartbeat.*.*', (content, subject, headers) => {
        got.push([content.body, content.tensors, subject, headers]);
        if (got.length === 50) all.open();
      });
      await subscriber.flush();
      const tensors = { x: f32([1], ramp(1)) };
      for (let i = 0; i < 50; i++)
        publisher.publish('latentmesh.v1.heartbeat.vae.a', message(i, tensors), { n: `${i}` });
      await all.opened;
      expect(got).toEqual(
        Array.from({ length: 50 }, (_value, i) => [i, tensors, 'latentmesh.v1.heartbeat.vae.a', { n: `${i}` }]),
      );
    });

    it('ignores what is no message of the mesh', async () => {
      await using mesh = await start();
      const [subscriber, stranger] = [await mesh.newBus('subscriber'), await mesh.connect()];
      const got: unknown[] = [];
      const end = gate();
      subscriber.subscribe('a.>', ({ body }) => (body === 'end' ? end.open() : got.push(body)));
      await subscriber.flush();
      stranger.publish('a.b', Buffer.from('hello'));
      await stranger.flush();
      subscriber.publish('a.c', message('end'));
      await end.opened;
      expect(got).toEqual([]);
    });

    it('a drained subscription has handled what came before', async () => {
      await using mesh = await start();
      const [publisher, subscriber] = [await mesh.newBus('publisher'), await mesh.newBus('subscriber')];
      let count = 0;
      const subscription = subscriber.subscribe('a.b', () => count++);
      await subscriber.flush();
      for (let i = 0; i < 100; i++) publisher.publish('a.b', message(i));
      await publisher.flush();
      await subscription.drain();
      expect(count).toBe(100);
      publisher.publish('a.b', message('late'));
      await publisher.flush();
      await subscriber.flush();
      expect(count).toBe(100);
    });

    it('refuses what is larger than a message', async () => {
      await using mesh = await start();
      const bus = await mesh.newBus('publisher');
      const large = message({}, { x: f32([LARGE]) });
      expect(await failure(Promise.try(() => bus.publish('a.b', large)))).toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    });
  });

  describe(`bus contract on ${name} — strangers`, () => {
    it('T4: a request without the bus is told so, in the headers of NATS services', async () => {
      await using mesh = await start();
      const [callee, stranger] = [await mesh.newBus('callee'), await mesh.connect()];
      callee.serve(SUBJECT, async () => message(null));
      await callee.flush();
      const inbox = stranger.newInbox();
      const reply = Promise.withResolvers<{ headers: unknown; text: string }>();
      stranger.subscribe(inbox, ({ headers, payload }) =>
        reply.resolve({ headers, text: Buffer.from(payload).toString() }),
      );
      stranger.publish(SUBJECT, Buffer.from('{}'), { reply: inbox });
      const { headers, text } = await reply.promise;
      expect(headers).toMatchObject({ 'Nats-Service-Error-Code': '400' });
      expect(JSON.parse(text)).toMatchObject({ error: { code: 'INVALID_REQUEST' } });
      expect(errorReply(new MeshError('INTERNAL', 'x')).headers).toHaveProperty('Nats-Service-Error');
    });
  });
}
