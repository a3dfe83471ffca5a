import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlive } from '#infra/is-alive.ts';
import { startNatsServer } from '#infra/nats/start-server.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'start-server-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What the server says first to whoever connects. */
const serverInfo = (port: number): Promise<Record<string, unknown>> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', reject);
    socket.once('data', (data) => {
      socket.destroy();
      resolve(JSON.parse(data.toString().replace(/^INFO /, '')) as Record<string, unknown>);
    });
  });

describe('nats-server', () => {
  it('accepts connections when start resolves, with JetStream and one-megabyte messages', async () => {
    const server = await startNatsServer({ port: 0, storeDir: join(folder, 'a') });
    expect(await serverInfo(server.port)).toMatchObject({
      jetstream: true,
      max_payload: 1024 * 1024,
      port: server.port,
    });
    await server.stop();
    expect(isAlive(server.pid)).toBe(false);
  });

  it('starts again on its port after it was killed', async () => {
    const first = await startNatsServer({ port: 0, storeDir: join(folder, 'b') });
    await first.kill();
    await first.exited;
    const second = await startNatsServer({ port: first.port, storeDir: join(folder, 'b') });
    expect(second.url).toBe(first.url);
    await second.stop();
  });

  it('says why it could not start', async () => {
    const server = await startNatsServer({ port: 0, storeDir: join(folder, 'c') });
    await expect(startNatsServer({ port: server.port, storeDir: join(folder, 'd') })).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('address already in use'),
    });
    await server.stop();
    await expect(startNatsServer({ storeDir: join(folder, 'e'), config: 'max_payload: {' })).rejects.toThrow(
      /stopped before it was ready/,
    );
  });

  it('lets its configuration be overridden', async () => {
    const server = await startNatsServer({ storeDir: join(folder, 'f'), config: 'max_payload: 64KB' });
    expect(await serverInfo(server.port)).toMatchObject({ max_payload: 64 * 1024 });
    await server.stop();
  });
});
