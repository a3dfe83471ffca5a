/** The door for people, and what `$SRV` tells them. Run over each transport. */
import { describe, expect, it } from 'vitest';
import {
  ANSWERED_LATER,
  type JsonRequestOptions,
  publishJson,
  replyError,
  replyJson,
  requestJson,
  serveJson,
  subscribeJson,
} from '#shared/bus/door.ts';
import { announceService } from '#shared/bus/micro.ts';
import { parsePayload, toPayload } from '#shared/bus/payload-format.ts';
import type { Transport } from '#shared/bus/transport.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { message } from '#shared/wire/message.ts';
import { failure, gate, type Harness, soon } from './harness.ts';
import { Stranger } from './stranger.ts';

const SUBJECT = 'latentmesh.v1.status';

async function pair(mesh: Harness): Promise<{ gateway: Transport; person: Transport; options: JsonRequestOptions }> {
  const options = { timeoutMs: 1000, clock: mesh.clock };
  return { gateway: await mesh.connect(), person: await mesh.connect(), options };
}

export function doorContract(name: string, start: () => Promise<Harness>): void {
  describe(`door contract on ${name}`, () => {
    it('answers JSON by JSON', async () => {
      await using mesh = await start();
      const { gateway, person, options } = await pair(mesh);
      serveJson(gateway, SUBJECT, async (request, { subject, headers }) => ({ request, subject, headers }), {
        queue: 'gateway',
      });
      await gateway.flush();
      const reply = await requestJson(
        person,
        SUBJECT,
        { prompt: 'ёж ✓' },
        { ...options, headers: { traceparent: '00-a' } },
      );
      expect(reply).toEqual({ request: { prompt: 'ёж ✓' }, subject: SUBJECT, headers: { traceparent: '00-a' } });
    });

    it.each([
      [{ 'content-type': 'application/msgpack' }, 'msgpack', 'msgpack'],
      [{ 'Content-Type': 'application/msgpack', Accept: 'application/json' }, 'msgpack', 'json'],
      [{ Accept: 'application/msgpack' }, 'json', 'msgpack'],
    ] as const)('%o: reads %s, answers %s, errors included', async (headers, asked, answered) => {
      await using mesh = await start();
      const { gateway, person } = await pair(mesh);
      serveJson(gateway, SUBJECT, async (request) => {
        if ((request as { fail?: boolean }).fail) throw new MeshError('UNKNOWN_JOB', 'No such job.', { job: 'x' });
        return { request };
      });
      await gateway.flush();
      const stranger = new Stranger(person);
      const ask = async (body: object) => {
        stranger.say(SUBJECT, headers, { payload: toPayload(body, asked).payload, reply: `${stranger.inbox}.1` });
        const reply = await stranger.hear('request');
        const type = reply.headers['Content-Type'];
        expect(type).toBe(answered === 'msgpack' ? 'application/msgpack' : undefined);
        return parsePayload(reply.payload, answered);
      };
      expect(await ask({ prompt: 'ёж ✓', steps: 3 })).toEqual({ request: { prompt: 'ёж ✓', steps: 3 } });
      expect(await ask({ fail: true })).toEqual({
        error: { code: 'UNKNOWN_JOB', message: 'No such job.', details: { job: 'x' } },
      });
    });

    it('takes bytes in msgpack for their base64, and answers what is no msgpack by INVALID_REQUEST', async () => {
      await using mesh = await start();
      const { gateway, person } = await pair(mesh);
      serveJson(gateway, SUBJECT, async (request) => request);
      await gateway.flush();
      const stranger = new Stranger(person);
      const headers = { 'Content-Type': 'application/msgpack', Accept: 'application/json' };
      const ask = async (payload: Uint8Array) => {
        stranger.say(SUBJECT, headers, { payload, reply: `${stranger.inbox}.1` });
        return JSON.parse(Buffer.from((await stranger.hear('request')).payload).toString()) as unknown;
      };
      const image = new Uint8Array([1, 2, 3]);
      expect(await ask(toPayload({ image, of: [image] }, 'msgpack').payload)).toEqual({ image: 'AQID', of: ['AQID'] });
      for (const bad of ['{"prompt": 1}', '\u00df\u00ff']) {
        expect(await ask(Buffer.from(bad, 'latin1'))).toMatchObject({ error: { code: 'INVALID_REQUEST' } });
      }
    });

    it('takes an empty payload for an empty object', async () => {
      await using mesh = await start();
      const { gateway, person } = await pair(mesh);
      serveJson(gateway, SUBJECT, async (request) => request);
      await gateway.flush();
      const stranger = new Stranger(person);
      stranger.say(SUBJECT, {}, { reply: `${stranger.inbox}.1` });
      expect(Buffer.from((await stranger.hear('request')).payload).toString()).toBe('{}');
    });

    it.each([
      ['a stray comma', Buffer.from('{"a": 1,}'), { position: 8 }],
      ['bytes that are no text', Buffer.from([0xff, 0xfe]), {}],
    ])('answers %s with INVALID_JSON and its place', async (_name, payload, details) => {
      await using mesh = await start();
      const { gateway, person } = await pair(mesh);
      serveJson(gateway, SUBJECT, async () => 'never');
      await gateway.flush();
      const stranger = new Stranger(person);
      stranger.say(SUBJECT, {}, { payload, reply: `${stranger.inbox}.1` });
      const { headers, payload: reply } = await stranger.hear('request');
      expect(JSON.parse(Buffer.from(reply).toString())).toMatchObject({ error: { code: 'INVALID_JSON', details } });
      expect(headers).toMatchObject({ 'Nats-Service-Error-Code': '400' });
      expect(headers['Nats-Service-Error']).toMatch(/^INVALID_JSON: /);
    });

    it('refuses to answer on a subject that is no inbox, and tells it in its numbers', async () => {
      await using mesh = await start();
      const { gateway, person, options } = await pair(mesh);
      let handledCount = 0;
      const endpoint = serveJson(gateway, SUBJECT, async () => ++handledCount);
      announceService(gateway, { name: 'x', id: 'x-1', version: '1.0.0', description: '', endpoints: () => [] });
      const heard: string[] = [];
      gateway.subscribe('latentmesh.v1.>', ({ subject }) => heard.push(subject));
      await gateway.flush();
      for (const reply of ['latentmesh.v1.cancel', '$JS.API.STREAM.DELETE.X', '_INBOXED.1']) {
        person.publish(SUBJECT, new Uint8Array(), { reply });
        person.publish(SUBJECT, Buffer.from('no JSON'), { reply });
        person.publish('$SRV.PING', new Uint8Array(), { reply });
      }
      await requestJson(person, SUBJECT, {}, options); // what came before it is over
      expect(handledCount).toBe(1);
      expect(heard.filter((subject) => subject !== SUBJECT)).toEqual([]);
      expect(endpoint.stats()).toMatchObject({ errors: 3, lastError: expect.stringContaining('INVALID_REQUEST') });
    });

    it('carries an error as it is', async () => {
      await using mesh = await start();
      const { gateway, person, options } = await pair(mesh);
      const details = { fields: ['steps'], seed: 2n ** 60n };
      const endpoint = serveJson(gateway, SUBJECT, () =>
        Promise.reject(new MeshError('INVALID_REQUEST', 'steps: at\r\nmost 150', details)),
      );
      await gateway.flush();
      const error = await failure(requestJson(person, SUBJECT, {}, options));
      expect(error.toWire()).toEqual({
        code: 'INVALID_REQUEST',
        message: 'steps: at\r\nmost 150',
        details: { fields: ['steps'], seed: `${2n ** 60n}` },
      });
      expect(endpoint.stats()).toMatchObject({ requests: 1, errors: 1 });
    });

    it('lets another process answer later', async () => {
      await using mesh = await start();
      const { gateway, person, options } = await pair(mesh);
      const other = await mesh.connect();
      serveJson(gateway, SUBJECT, async (request, { replyAddress }) => {
        if (request === 'fail') replyError(other, replyAddress!, new MeshError('CANCELLED', 'stopped'));
        else replyJson(other, replyAddress!, 'from the other');
        return ANSWERED_LATER;
      });
      await gateway.flush();
      expect(await requestJson(person, SUBJECT, 'work', options)).toBe('from the other');
      expect((await failure(requestJson(person, SUBJECT, 'fail', options))).code).toBe('CANCELLED');
    });

    it('PAYLOAD_TOO_LARGE instead of a reply that does not fit', async () => {
      await using mesh = await start();
      const { gateway, person, options } = await pair(mesh);
      serveJson(gateway, SUBJECT, async () => 'x'.repeat(600_000));
      await gateway.flush();
      expect((await failure(requestJson(person, SUBJECT, {}, options))).code).toBe('PAYLOAD_TOO_LARGE');
    });

    it('NO_ACTOR when no gateway is there, DEADLINE_EXCEEDED when it does not answer', async () => {
      await using mesh = await start();
      const { gateway, person, options } = await pair(mesh);
      expect((await failure(requestJson(person, SUBJECT, {}, options))).code).toBe('NO_ACTOR');
      const started = gate();
      serveJson(gateway, SUBJECT, async () => {
        started.open();
        return ANSWERED_LATER;
      });
      await gateway.flush();
      const outcome = failure(requestJson(person, SUBJECT, {}, options));
      await started.opened;
      await mesh.clock.advance(1000);
      expect((await outcome).code).toBe('DEADLINE_EXCEEDED');
    });

    it('drains: what came is answered', async () => {
      await using mesh = await start();
      const { gateway, person, options } = await pair(mesh);
      const [started, finish] = [gate(), gate()];
      const endpoint = serveJson(gateway, SUBJECT, async () => {
        started.open();
        await finish.opened;
        return 'done';
      });
      await gateway.flush();
      const reply = requestJson(person, SUBJECT, {}, options);
      await started.opened;
      const drained = endpoint.drain();
      finish.open();
      await drained;
      expect(await reply).toBe('done');
    });

    it('publishes JSON to those who listen, and leaves out what is none', async () => {
      await using mesh = await start();
      const { gateway, person } = await pair(mesh);
      const got: unknown[] = [];
      const end = gate();
      subscribeJson(person, 'latentmesh.v1.events.*', (body, subject) => {
        got.push([body, subject]);
        if (body === 'end') end.open();
      });
      await person.flush();
      gateway.publish('latentmesh.v1.events.a', Buffer.from('{'));
      publishJson(gateway, 'latentmesh.v1.events.a', 'end');
      await end.opened;
      expect(got).toEqual([['end', 'latentmesh.v1.events.a']]);
    });
  });

  describe(`service answers on ${name}`, () => {
    it.each(['', '.latentmesh-vae', '.latentmesh-vae.vae-1'])('answers $SRV.<verb>%s as ADR-32 wants', async (tail) => {
      await using mesh = await start();
      const [bus, transport] = [await mesh.newBus('vae-1'), await mesh.connect()];
      const { person, options } = await pair(mesh);
      bus.serve(
        'latentmesh.v1.actor.vae.decode',
        async ({ body }) => {
          if (body === 'bad') throw new MeshError('WRONG_SHAPE', 'no latents');
          return message(null);
        },
        { queue: 'vae' },
      );
      const identity = { name: 'latentmesh-vae', id: 'vae-1', version: '1.2.3', metadata: { device: 'cpu' } };
      announceService(transport, {
        ...identity,
        description: 'VAE',
        endpoints: () => bus.endpoints(),
        data: () => ({ n: 1 }),
      });
      await Promise.all([bus.flush(), transport.flush()]);
      await bus.call('latentmesh.v1.actor.vae.decode', message('good'), soon(mesh.clock));
      await failure(bus.call('latentmesh.v1.actor.vae.decode', message('bad'), soon(mesh.clock)));
      const ask = (verb: string): Promise<unknown> => requestJson(person, `$SRV.${verb}${tail}`, {}, options);
      const endpoint = {
        name: 'latentmesh-v1-actor-vae-decode',
        subject: 'latentmesh.v1.actor.vae.decode',
        queue_group: 'vae',
      };
      expect(await ask('PING')).toEqual({ type: 'io.nats.micro.v1.ping_response', ...identity });
      expect(await ask('INFO')).toEqual({
        type: 'io.nats.micro.v1.info_response',
        ...identity,
        description: 'VAE',
        endpoints: [{ ...endpoint, metadata: {} }],
      });
      expect(await ask('STATS')).toEqual({
        type: 'io.nats.micro.v1.stats_response',
        ...identity,
        started: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        endpoints: [
          {
            ...endpoint,
            num_requests: 2,
            num_errors: 1,
            last_error: 'WRONG_SHAPE: no latents',
            processing_time: expect.any(Number),
            average_processing_time: expect.any(Number),
            data: { n: 1 },
          },
        ],
      });
    });
  });
}
