/** HTTP as no client library speaks it: whatever comes, the connection ends with an answer or without, and the server goes on. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES } from '#shared/contracts/limits.ts';
import { aborted } from '#test/contract/bus/harness.ts';
import { createHttp } from '../../../services/gateway/http/server.ts';
import { type Gateway, gateway } from './gateway.ts';

const IMAGES = 'POST /v1/images/generations HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
const BODY = '{"prompt":"a cat","job":"half-closed"}';

let app: Gateway;
let http: ReturnType<typeof createHttp>;
let port: number;

beforeAll(async () => {
  app = await gateway({ work: (_, signal) => aborted(signal) });
  http = createHttp({ ...app.httpParts, requestTimeoutMs: 200 });
  await http.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = http.server.address() as AddressInfo);
});
afterAll(async () => {
  await http.close();
  await app[Symbol.asyncDispose]();
});

async function open(sent: string, to = port): Promise<Socket> {
  const socket = connect(to, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('error', () => {}); // a reset is an end too
  socket.write(sent);
  return socket;
}

/** All that comes back until the server closes. */
async function answerTo(sent: string): Promise<{ status: number; error: { code: string; message: string } }> {
  const answer = await text(await open(sent));
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  return { status: Number(head.split(' ')[1]), error: (JSON.parse(body || '{}') as { error: never }).error };
}

describe('HTTP — sockets', () => {
  it.each([
    ['what is no HTTP', 'hello\r\n\r\n', 400, 'This is no HTTP/1.1 request.'],
    [
      'headers without end',
      `GET / HTTP/1.1\r\nhost: x\r\na: ${'a'.repeat(20_000)}\r\n\r\n`,
      431,
      'The headers are too long.',
    ],
    ['half a request', 'GET /healthz HTTP/1.1\r\nho', 408, 'The request did not come in time.'],
    ['a body that does not come', `${IMAGES}content-length: 10\r\n\r\n{`, 408, 'The request did not come in time.'],
    [
      'a body that is longer than it says',
      `${IMAGES}content-length: 2\r\nconnection: close\r\n\r\n{}{}{}`,
      400,
      'This is no HTTP/1.1 request.',
    ],
    [
      'a body over the limit, before it comes',
      `${IMAGES}content-length: 99999999999\r\nconnection: close\r\n\r\n`,
      413,
      'The body is larger than',
    ],
    [
      'an address that is none',
      'GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      400,
      'The address is no well-formed URL.',
    ],
    [
      'an address without end',
      `GET /${'a'.repeat(5000)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`,
      404,
      `There is no GET /${'a'.repeat(199)}.`,
    ],
  ])('%s', async (_, sent, status, message) => {
    const answer = await answerTo(sent);
    expect(answer).toMatchObject({ status, error: { message: expect.stringContaining(message) } });
  });

  it.each(['HEAD', 'OPTIONS', 'DELETE', 'PUT'])('%s of the endpoint is 404', async (method) => {
    const { statusCode } = await http.inject({ method: method as 'HEAD', url: '/v1/images/generations' });
    expect(statusCode).toBe(404);
  });

  it('a connection that is half closed ends, and its job with it', async () => {
    const socket = await open(`${IMAGES}content-length: ${BODY.length}\r\n\r\n${BODY}`);
    socket.end();
    socket.resume();
    await once(socket, 'close');
    expect(await app.outcomes.wait('half-closed', new AbortController().signal)).toMatchObject({ state: 'cancelled' });
  });

  it('a body without end is refused at the limit, and not kept', async () => {
    const socket = await open(`${IMAGES}transfer-encoding: chunked\r\n\r\n`);
    const answer = text(socket);
    const chunk = `100000\r\n${'a'.repeat(2 ** 20)}\r\n`;
    let sentBytes = 0;
    while (!socket.destroyed && !socket.readableEnded && sentBytes < 1e9) {
      sentBytes += chunk.length;
      const isTaken = await new Promise<boolean>((resolve) => socket.write(chunk, (error) => resolve(!error)));
      if (!isTaken) break;
    }
    expect(await answer.catch(() => '')).toMatch(/^(HTTP\/1.1 413 |$)/);
    expect(sentBytes).toBeLessThan(2 * MAX_BODY_BYTES);
  });

  it('closing does not wait for requests that do not come', async () => {
    const other = createHttp(app.httpParts);
    await other.listen({ host: '127.0.0.1', port: 0 });
    const { port: otherPort } = other.server.address() as AddressInfo;
    const sent = ['', 'GET / HT', `${IMAGES}content-length: 10\r\n\r\n{`];
    const arrived = once(other.server, 'request');
    const sockets = await Promise.all(sent.map((part) => open(part, otherPort)));
    await arrived;
    const closed = sockets.map((socket) => once(socket.resume(), 'close'));
    await other.close(); // never, otherwise: the test would time out
    await Promise.all(closed);
  });

  it('connections that say nothing keep nobody waiting', async () => {
    const silent = await Promise.all(Array.from({ length: 50 }, () => open('')));
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    for (const socket of silent) socket.destroy();
  });
});
