/** The native API of jobs, without sockets where none is needed. */
import type { AddressInfo } from 'node:net';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { MeshError } from '#shared/errors/errors.ts';
import { encodePng } from '#shared/image/png.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { aborted, gate } from '#test/contract/bus/harness.ts';
import { type ReadEvent, serverEvents } from '#test/server-events.ts';
import { createHttp } from '../../../services/gateway/http/server.ts';
import { result } from './admitted.ts';
import { type Gateway, gateway } from './gateway.ts';

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  // biome-ignore lint/suspicious/noExplicitAny: what comes is what the tests look at
  readonly body: any;
}

async function ask(
  { http }: Gateway,
  method: 'GET' | 'POST' | 'DELETE',
  url: string,
  { body, headers = {} }: { body?: object; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await http.inject({ method, url, headers, ...(body && { payload: body }) });
  const isJson = String(response.headers['content-type']).startsWith('application/json');
  return {
    status: response.statusCode,
    headers: response.headers,
    body: isJson ? response.json() : response.rawPayload,
  };
}

/** Resolves when a job is over. */
async function over(app: Gateway, job: string): Promise<void> {
  await app.outcomes.wait(job, new AbortController().signal);
}

describe('HTTP jobs — from acceptance to pictures', () => {
  it('is accepted at once, with the addresses to follow it', async () => {
    await using app = await gateway();
    const { status, headers, body } = await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat', job: 'mine' } });
    expect([status, headers.location]).toEqual([202, '/v1/jobs/mine']);
    expect(body).toEqual({
      job: 'mine',
      state: 'queued',
      urls: { self: '/v1/jobs/mine', events: '/v1/jobs/mine/events', trace: '/v1/jobs/mine/trace' },
    });
  });

  it('shows its request with every default, and its pictures by address', async () => {
    await using app = await gateway();
    await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat', job: 'mine', seed: 7, client: 'me' } });
    await over(app, 'mine');
    const { body } = await ask(app, 'GET', '/v1/jobs/mine');
    expect(body).toMatchObject({
      state: 'done',
      client: 'me',
      request: { prompt: 'a cat', seed: 7, steps: 20, batch: 1, loras: [], priority: 'normal' },
      result: { images: [{ seed: 7, width: 64, url: '/v1/jobs/mine/images/0', bytes: 3 }] },
    });
    expect(body.result.images[0]).not.toHaveProperty('object');
    expect(body).not.toHaveProperty('reply_to');
  });

  it('what its record shows can be sent again', async () => {
    await using app = await gateway();
    const first = { prompt: ['a cat', 'a dog'], seed: [1, 5], job: 'first', sampler: 'euler a' };
    await ask(app, 'POST', '/v1/jobs', { body: first });
    const { request } = (await ask(app, 'GET', '/v1/jobs/first')).body;
    await ask(app, 'POST', '/v1/jobs', { body: { ...request, job: 'again' } });
    expect((await ask(app, 'GET', '/v1/jobs/again')).body.request).toEqual(request);
  });

  it('a picture has an ETag, and is not sent twice', async () => {
    await using app = await gateway();
    await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat', job: 'mine' } });
    await over(app, 'mine');
    const { status, headers, body } = await ask(app, 'GET', '/v1/jobs/mine/images/0');
    expect([status, headers['content-type'], [...body]]).toEqual([200, 'image/png', [1, 2, 3]]);
    expect(headers['cache-control']).toContain('immutable');
    const again = await ask(app, 'GET', '/v1/jobs/mine/images/0', {
      headers: { 'if-none-match': headers.etag as string },
    });
    expect([again.status, again.body.length]).toEqual([304, 0]);
  });

  it.each(['1', '8', '-1', 'x', '..%2f..%2fetc%2fpasswd'])('picture %s is not there', async (n) => {
    await using app = await gateway();
    await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat', job: 'mine' } });
    await over(app, 'mine');
    const { status, body } = await ask(app, 'GET', `/v1/jobs/mine/images/${n}`);
    expect([status, body.error.code]).toEqual([404, 'UNKNOWN_JOB']);
  });

  it('the same key with the same request is the same job, with another one a conflict', async () => {
    await using app = await gateway();
    const headers = { 'idempotency-key': 'order 66 / ü' };
    const first = await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat' }, headers });
    const again = await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat' }, headers });
    expect(again.body).toEqual(first.body);
    expect(app.events.filter(({ type }) => type === 'queued')).toHaveLength(1);
    const other = await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a dog' }, headers });
    expect([other.status, other.body.error.code]).toEqual([409, 'JOB_CONFLICT']);
  });

  it('a wrong field is named', async () => {
    await using app = await gateway();
    const { status, body } = await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat', steps: 0 } });
    expect(status).toBe(400);
    expect(body.error).toMatchObject({ code: 'INVALID_REQUEST', field: 'steps', details: { problems: [{}] } });
    expect(body.error).not.toHaveProperty('type');
  });

  it('DELETE cancels, also what runs', async () => {
    await using app = await gateway({ work: (_, signal) => aborted(signal) });
    await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat', job: 'mine' } });
    const { status, body } = await ask(app, 'DELETE', '/v1/jobs/mine');
    expect([status, body.state, body.error.code]).toEqual([200, 'cancelled', 'CANCELLED']);
    expect((await ask(app, 'DELETE', '/v1/jobs/nobody')).body.error.code).toBe('UNKNOWN_JOB');
  });
});

describe('HTTP jobs — lists', () => {
  async function three(): Promise<Gateway> {
    const app = await gateway({
      work: async (job) => {
        if (job.prompts[0] === 'fails') throw new MeshError('NOT_FINITE', 'as told');
        return result(job.job);
      },
    });
    for (const [job, prompt, client] of [
      ['one', 'a cat', 'ann'],
      ['two', 'fails', 'ann'],
      ['three', 'a cat', 'bob'],
    ]) {
      await ask(app, 'POST', '/v1/jobs', { body: { job: job!, prompt, client } });
      await over(app, job!);
      await app.clock.advance(1000);
    }
    return app;
  }

  it.each([
    ['', ['three', 'two', 'one']],
    ['?limit=2', ['three', 'two']],
    ['?client=ann', ['two', 'one']],
    ['?state=failed', ['two']],
    ['?state=done&client=ann&limit=1', ['one']],
    ['?state=queued', []],
  ])('/v1/jobs%s', async (query, names) => {
    await using app = await three();
    const { body } = await ask(app, 'GET', `/v1/jobs${query}`);
    expect(body.jobs.map(({ job }: { job: string }) => job)).toEqual(names);
  });

  it.each(['state=over', 'limit=0', 'limit=many', 'colour=red'])('%s is no query', async (query) => {
    await using app = await gateway();
    const { status, body } = await ask(app, 'GET', `/v1/jobs?${query}`);
    expect([status, body.error.field]).toEqual([400, query.split('=')[0]]);
  });
});

/** A stream of a gateway that listens. */
async function follow(app: Gateway, url: string): Promise<AsyncGenerator<ReadEvent>> {
  if (!app.http.server.listening) await app.http.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.http.server.address() as AddressInfo;
  return serverEvents(`http://127.0.0.1:${port}${url}`);
}

describe('HTTP jobs — events', () => {
  it('tells where the job stands, then each event, and ends with the last', async () => {
    const [started, finish] = [gate(), gate()];
    await using app = await gateway({
      work: async (job) => {
        started.open();
        await finish.opened;
        return result(job.job);
      },
    });
    await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat', job: 'mine' } });
    await started.opened;
    app.feed.hear({ type: 'progress', job: 'mine', step: 1, steps: 3, eta_ms: 40 });
    const seen: unknown[] = [];
    for await (const { event, data } of await follow(app, '/v1/jobs/mine/events')) {
      seen.push([event, data.step]);
      if (data.step === 1) app.feed.hear({ type: 'preview', job: 'mine', step: 2, steps: 3, images: ['data:'] });
      if (data.step === 2) finish.open();
    }
    expect(seen).toEqual([
      ['started', undefined],
      ['progress', 1],
      ['preview', 2],
      ['done', undefined],
    ]);
  });

  it('a job that is over is told so at once; a browser that comes back for more is sent away', async () => {
    await using app = await gateway();
    await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat', job: 'mine' } });
    await over(app, 'mine');
    const seen = await Array.fromAsync(await follow(app, '/v1/jobs/mine/events'));
    expect(seen).toEqual([{ event: 'done', data: { type: 'done', job: 'mine' } }]);
    const again = await ask(app, 'GET', '/v1/jobs/mine/events', { headers: { 'last-event-id': 'end' } });
    expect(again.status).toBe(204);
  });

  it('tells the place in the queue', async () => {
    await using app = await gateway({ enqueue: async () => {} });
    for (const job of ['one', 'two', 'three']) await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat', job } });
    const stream = await follow(app, '/v1/jobs/three/events');
    expect((await stream.next()).value).toEqual({
      event: 'queued',
      data: { type: 'queued', job: 'three', position: 2 },
    });
    expect((await ask(app, 'GET', '/v1/jobs/two')).body.position).toBe(1);
    app.feed.hear({ type: 'started', job: 'one' });
    expect((await stream.next()).value.data.position).toBe(1);
    await ask(app, 'DELETE', '/v1/jobs/three');
    expect((await stream.next()).value.event).toBe('cancelled');
    expect((await stream.next()).done).toBe(true);
  });

  it('of a job that nobody knows is 404', async () => {
    await using app = await gateway();
    const { status, body } = await ask(app, 'GET', '/v1/jobs/nobody/events');
    expect([status, body.error.code]).toEqual([404, 'UNKNOWN_JOB']);
  });

  it('a stream ends when the server closes, and leaves no listener behind', async () => {
    const app = await gateway({ enqueue: async () => {} });
    await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat', job: 'mine' } });
    const stream = await follow(app, '/v1/jobs/mine/events');
    await stream.next();
    await app[Symbol.asyncDispose](); // would wait for ever
    expect((await stream.next()).done).toBe(true);
  });
});

describe('HTTP — the mesh', () => {
  it.each<[string, object]>([
    ['/v1/status', { model: 'tiny', controlnets: ['canny'] }],
    ['/v1/models', { object: 'list', data: [{ id: 'tiny', object: 'model' }] }],
    ['/v1/loras', { loras: ['ink'] }],
    ['/v1/controlnets', { controlnets: ['canny'] }],
    ['/v1/schedules', { schedules: expect.arrayContaining([{ name: 'sgm_uniform', label: 'SGM Uniform' }]) }],
    ['/v1/samplers', { samplers: expect.arrayContaining([expect.objectContaining({ name: 'Euler a' })]) }],
  ])('%s', async (url, content) => {
    await using app = await gateway();
    expect((await ask(app, 'GET', url)).body).toMatchObject(content);
  });

  it('/v1/mesh/events tells at once what there is', async () => {
    await using app = await gateway();
    app.feed.hear({ type: 'queued', job: 'waits' });
    app.feed.hear({ type: 'progress', job: 'runs', step: 2, steps: 4, instance: 'denoiser-1' });
    const stream = await follow(app, '/v1/mesh/events');
    expect((await stream.next()).value).toMatchObject({
      event: 'mesh',
      data: {
        jobs: [
          { job: 'runs', state: 'running', step: 2, steps: 4, instance: 'denoiser-1' },
          { job: 'waits', state: 'queued' },
        ],
        flows: [],
      },
    });
  });

  it('POST /v1/preprocess draws the edges that a ControlNet would get', async () => {
    await using app = await gateway();
    const image =
      'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    const { status, headers, body } = await ask(app, 'POST', '/v1/preprocess', {
      body: { image, width: 64, height: 64 },
    });
    expect([status, headers['content-type']]).toEqual([200, 'image/png']);
    expect(body.subarray(1, 4).toString()).toBe('PNG');
    const wrong = await ask(app, 'POST', '/v1/preprocess', { body: { image, canny_low: 300 } });
    expect(wrong.body.error).toMatchObject({ code: 'INVALID_REQUEST', field: 'canny_low' });
  });
});

describe('HTTP — who may ask', () => {
  it.each([
    ['127.0.0.1:8188', 200],
    ['localhost:8188', 200],
    ['[::1]:8188', 200],
    ['gateway', 200],
    ['studio.localhost', 200],
    ['evil.example.org', 403],
    ['evil.example.org:8188', 403],
    ['127.0.0.1.evil.example.org', 403],
  ])('Host: %s', async (host, status) => {
    await using app = await gateway();
    expect((await ask(app, 'GET', '/healthz', { headers: { host } })).status).toBe(status);
  });

  it('a page of another origin gets nothing that a browser would show it, and changes nothing', async () => {
    await using app = await gateway();
    const headers = { host: 'localhost:8188', origin: 'https://evil.example.org' };
    const posted = await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat' }, headers });
    expect([posted.status, posted.body.error.code]).toEqual([403, 'FORBIDDEN']);
    expect((await ask(app, 'GET', '/v1/jobs', { headers })).headers['access-control-allow-origin']).toBeUndefined();
    expect(app.events).toEqual([]);
    const own = { host: 'localhost:8188', origin: 'http://localhost:8188' };
    expect((await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a cat' }, headers: own })).status).toBe(202);
  });

  it('/ says how to build the studio', async () => {
    await using app = await gateway();
    const { status, body } = await ask(app, 'GET', '/');
    expect([status, String(body)]).toEqual([404, expect.stringContaining('npm run build:studio')]);
  });
});

describe('HTTP — hostile requests', () => {
  it('a picture that would unpack to gigabytes is refused by its size alone', async () => {
    await using app = await gateway();
    const png = Buffer.from(await encodePng(tensor('u8', [1, 1, 3], new Uint8Array(3))));
    png.writeUInt32BE(60_000, 16);
    png.writeUInt32BE(60_000, 20);
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    const { status, body } = await ask(app, 'POST', '/v1/preprocess', { body: { image: png.toString('base64') } });
    expect([status, body.error.code]).toEqual([413, 'IMAGE_TOO_LARGE']);
  });

  it.each(['../../etc/passwd', '/etc/passwd', '..%2f..%2fetc%2fpasswd', 'a\u0000b'])('no LoRA is %j', async (lora) => {
    await using app = await gateway();
    const { status, body } = await ask(app, 'POST', '/v1/jobs', { body: { prompt: 'a', loras: [{ lora }] } });
    expect(['400 INVALID_REQUEST', '404 UNKNOWN_LORA']).toContain(`${status} ${body.error.code}`);
    expect(app.queue).toEqual([]);
  });

  it.each(['/../package.json', '/..%2fpackage.json', '/%2e%2e/package.json', '/assets/..%2f..%2fpackage.json'])(
    'no file of the studio is %s',
    async (url) => {
      await using app = await gateway();
      const http = createHttp({ ...app.httpParts, studioFolder: import.meta.dirname });
      expect((await http.inject({ method: 'GET', url })).statusCode).toBeGreaterThanOrEqual(400);
      await http.close();
    },
  );
});
