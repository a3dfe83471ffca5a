import { once } from 'node:events';
import { Agent, get, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';
import { type ErrorCode, MeshError } from '#shared/errors/errors.ts';
import { aborted, gate } from '#test/contract/bus/harness.ts';
import { result } from './admitted.ts';
import { type Gateway, gateway } from './gateway.ts';

const IMAGES = '/v1/images/generations';

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: { error: Record<string, unknown> } & Record<string, unknown>;
}

async function post({ http }: Gateway, payload: string | object, contentType = 'application/json'): Promise<Answer> {
  const headers = { 'content-type': contentType };
  const response = await http.inject({ method: 'POST', url: IMAGES, headers, payload });
  return { status: response.statusCode, headers: response.headers, body: response.json() };
}

function failing(code: ErrorCode): () => Promise<never> {
  return async () => {
    throw new MeshError(code, 'as told', { told: true });
  };
}

describe('HTTP — POST /v1/images/generations', () => {
  it('answers with the picture in it', async () => {
    await using app = await gateway();
    const { status, body } = await post(app, { prompt: 'a cat', seed: 7, job: 'my-job' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      job: 'my-job',
      data: [{ b64_json: 'AQID', seed: 7, parameters: 'a cat' }],
      model: 'tiny',
    });
  });

  it('the same job again is answered again, without running', async () => {
    let runs = 0;
    await using app = await gateway({
      work: async (job) => {
        runs++;
        return result(job.job);
      },
    });
    const request = { prompt: 'a cat', job: 'my-job' };
    expect((await post(app, request)).status).toBe(200);
    expect((await post(app, request)).body.job).toBe('my-job');
    expect((await post(app, { ...request, prompt: 'a dog' })).body.error.code).toBe('JOB_CONFLICT');
    expect(runs).toBe(1);
  });
});

describe('HTTP — errors in OpenAI’s form', () => {
  it('a field that is wrong is named by param', async () => {
    await using app = await gateway();
    expect(await post(app, { prompt: 'a cat', steps: 0 })).toMatchObject({
      status: 400,
      headers: { 'x-should-retry': 'false' },
      body: {
        error: {
          message: 'The request is not right: steps must be at least 1.',
          type: 'invalid_request_error',
          param: 'steps',
          code: 'INVALID_REQUEST',
        },
      },
    });
  });

  it.each<[string, string | object, string, number, ErrorCode]>([
    ['what is no JSON', '{"prompt": ', 'application/json', 400, 'INVALID_JSON'],
    ['an empty body', '', 'application/json', 400, 'INVALID_REQUEST'],
    ['another content type', 'prompt=a+cat', 'application/x-www-form-urlencoded', 415, 'INVALID_REQUEST'],
    ['an unknown sampler', { prompt: 'a', sampler: 'Euler b' }, 'application/json', 404, 'UNKNOWN_SAMPLER'],
    ['an option it does not have', { prompt: 'a', style: 'natural' }, 'application/json', 422, 'UNSUPPORTED_OPTION'],
  ])('%s', async (_, payload, contentType, status, code) => {
    await using app = await gateway();
    const answer = await post(app, payload, contentType);
    expect(answer).toMatchObject({ status, headers: { 'x-should-retry': 'false' }, body: { error: { code } } });
    expect(answer.headers['retry-after']).toBeUndefined();
  });

  it('a method that fastify wants more of is refused in its words', async () => {
    await using app = await gateway();
    const method = 'QUERY' as 'GET';
    const response = await app.http.inject({ method, url: '/healthz' });
    expect(response.statusCode).toBe(400);
    expect(response.json().error).toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining('Content-Type'),
    });
  });

  it('a body beyond the limit is 413', async () => {
    await using app = await gateway();
    const headers = { 'content-type': 'application/json', 'content-length': `${2 ** 30}` };
    const response = await app.http.inject({ method: 'POST', url: IMAGES, headers, payload: '{}' });
    expect(response.statusCode).toBe(413);
    expect(response.json().error).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', details: { limit: expect.any(Number) } });
  });

  it('a full queue is 429, with the time to wait', async () => {
    await using app = await gateway({ enqueue: failing('QUEUE_FULL') });
    expect(await post(app, { prompt: 'a cat' })).toMatchObject({
      status: 429,
      headers: { 'retry-after': '2', 'x-should-retry': 'true' },
      body: { error: { code: 'QUEUE_FULL' } },
    });
  });

  it.each<[ErrorCode, number, string, string]>([
    ['OUT_OF_MEMORY', 503, 'true', 'server_error'],
    ['DEADLINE_EXCEEDED', 504, 'false', 'server_error'],
    ['CONTROLNET_MISMATCH', 422, 'false', 'invalid_request_error'],
  ])('a job that fails by %s', async (code, status, retry, type) => {
    await using app = await gateway({ work: failing(code) });
    expect(await post(app, { prompt: 'a cat' })).toMatchObject({
      status,
      headers: { 'x-should-retry': retry },
      body: { error: { code, type, message: 'as told', details: { told: true } } },
    });
  });

  it.each([
    ['GET', IMAGES],
    ['POST', '/v1/images/others'],
    ['GET', '/v2/jobs'],
  ] as const)('%s %s is 404 in the same form', async (method, url) => {
    await using app = await gateway();
    const response = await app.http.inject({ method, url });
    expect(response.statusCode).toBe(404);
    expect(response.json().error).toMatchObject({ code: 'INVALID_REQUEST', message: `There is no ${method} ${url}.` });
  });
});

describe('HTTP — for an orchestrator', () => {
  it('/healthz says that the process lives', async () => {
    await using app = await gateway();
    expect((await app.http.inject('/healthz')).json()).toEqual({ status: 'ok' });
  });

  it('/readyz waits for every role', async () => {
    await using app = await gateway();
    expect((await app.http.inject('/readyz')).json()).toEqual({ status: 'ready', missing: [] });
    app.missing.push('vae');
    const waiting = await app.http.inject('/readyz');
    expect([waiting.statusCode, waiting.json()]).toEqual([503, { status: 'waiting', missing: ['vae'] }]);
  });
});

/** Work that stands still until told, on a gateway that listens. */
async function slowGateway(): Promise<{ app: Gateway; port: number; started: Promise<void>; finish: () => void }> {
  const [started, finish] = [gate(), gate()];
  const app = await gateway({
    work: async (job, signal) => {
      started.open();
      await Promise.race([finish.opened, aborted(signal)]);
      return result(job.job);
    },
  });
  return { app, port: await listen(app.http), started: started.opened, finish: finish.open };
}

async function listen(http: FastifyInstance): Promise<number> {
  await http.listen({ host: '127.0.0.1', port: 0 });
  return (http.server.address() as AddressInfo).port;
}

function ask(port: number, agent?: Agent): ReturnType<typeof httpRequest> {
  const headers = { 'content-type': 'application/json' };
  const options = { host: '127.0.0.1', port, path: IMAGES, method: 'POST', headers, ...(agent && { agent }) };
  const request = httpRequest(options);
  request.end(JSON.stringify({ prompt: 'a cat', job: 'my-job' }));
  return request;
}

describe('HTTP — over a real socket', () => {
  it('a client that goes away cancels its job', async () => {
    const { app, port, started } = await slowGateway();
    await using _ = app;
    const request = ask(port);
    const closed = once(request, 'error');
    await started;
    request.destroy();
    await closed;
    expect(await app.outcomes.wait('my-job', new AbortController().signal)).toMatchObject({ state: 'cancelled' });
    expect(app.events.at(-1)).toEqual({ type: 'cancelled', job: 'my-job' });
  });

  it('closing waits for the answer under way, and does not wait for the client’s keep-alive', async () => {
    const { app, port, started, finish } = await slowGateway();
    const agent = new Agent({ keepAlive: true });
    const answered = once(ask(port, agent), 'response') as Promise<[IncomingMessage]>;
    await started;
    const closed = app.http.close();
    while (app.http.server.listening) await new Promise((resolve) => setImmediate(resolve));
    finish();
    const [response] = await answered;
    response.resume();
    expect([response.statusCode, response.headers.connection]).toEqual([200, 'close']);
    await closed; // 72 s otherwise: the test would time out
    agent.destroy();
  });

  it('closing ends idle connections', async () => {
    const { app, port } = await slowGateway();
    const agent = new Agent({ keepAlive: true });
    const [response] = (await once(get({ host: '127.0.0.1', port, path: '/healthz', agent }), 'response')) as [
      IncomingMessage,
    ];
    response.resume();
    await once(response, 'end');
    await app.http.close();
    agent.destroy();
  });

  it('a gateway that stops before the job ends says so, and the job goes on', async () => {
    const { app, port, started } = await slowGateway();
    const answered = once(ask(port), 'response') as Promise<[IncomingMessage]>;
    await started;
    const closed = app.http.close();
    app.outcomes.stop();
    const [response] = await answered;
    const [body] = (await once(response.setEncoding('utf8'), 'data')) as [string];
    expect([response.statusCode, response.headers['x-should-retry']]).toEqual([503, 'true']);
    expect(JSON.parse(body).error).toMatchObject({ code: 'DRAINING', details: { job: 'my-job' } });
    await closed;
    expect((await app.jobs.get('my-job')).state).toBe('running');
    app.jobs.abort('my-job');
  });
});
