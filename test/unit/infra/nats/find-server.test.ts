import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findNatsServer } from '#infra/nats/find-server.ts';

let folder: string;
let cache: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'find-server-'));
  cache = join(folder, 'cache', 'latentmesh', 'bin');
});
afterEach(() => rm(folder, { recursive: true }));

/** A program that answers `--version` as nats-server does. */
const writeBinary = async (path: string, answer: string) => {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho "${answer}"\n`);
  await chmod(path, 0o755);
  return path;
};
const writeServer = (path: string, version: string) => writeBinary(path, `nats-server: v${version}`);

const find = (env: Record<string, string> = {}, ways: Parameters<typeof findNatsServer>[0] = {}) =>
  findNatsServer({
    env: { XDG_CACHE_HOME: join(folder, 'cache'), PATH: '', ...env },
    ways: [],
    report: () => {},
    ...ways,
  });

describe('find nats-server', () => {
  it('takes the one named by NATS_SERVER before all others', async () => {
    const named = await writeServer(join(folder, 'mine'), '2.10.1');
    await writeServer(join(folder, 'bin', 'nats-server'), '2.11.0');
    expect(await find({ NATS_SERVER: named, PATH: join(folder, 'bin') })).toBe(named);
  });

  it('does not look further when NATS_SERVER names something else', async () => {
    const other = await writeBinary(join(folder, 'other'), 'hello');
    await expect(find({ NATS_SERVER: other })).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('does not run as a nats-server'),
    });
  });

  it('passes over a server on the PATH that is too old', async () => {
    await writeServer(join(folder, 'old', 'nats-server'), '2.2.0');
    const recent = await writeServer(join(folder, 'new', 'nats-server'), '2.9.10');
    expect(await find({ PATH: `${join(folder, 'old')}:${join(folder, 'new')}` })).toBe(recent);
  });

  it('takes the newest in the cache that runs', async () => {
    await writeServer(join(cache, 'nats-server-2.9.10'), '2.9.10');
    const newest = await writeServer(join(cache, 'nats-server-2.15.2'), '2.15.2');
    await writeBinary(join(cache, 'nats-server-2.16.0'), 'Exec format error');
    expect(await find()).toBe(newest);
  });

  it('fetches once, though many ask', async () => {
    let fetches = 0;
    const fetch = (workspace: string) => {
      fetches += 1;
      return writeServer(join(workspace, 'nats-server'), '2.15.2');
    };
    const paths = await Promise.all(Array.from({ length: 8 }, () => find({}, { ways: [{ name: 'a way', fetch }] })));
    expect(new Set(paths)).toEqual(new Set([join(cache, 'nats-server-2.15.2')]));
    expect(fetches).toBe(1);
    expect(await readdir(cache)).toEqual(['nats-server-2.15.2']);
  });

  it('takes over from a process that died while it fetched', async () => {
    await mkdir(cache, { recursive: true });
    await writeFile(join(cache, 'fetch.lock'), String(2 ** 22 + 1));
    const fetch = (workspace: string) => writeServer(join(workspace, 'nats-server'), '2.15.2');
    expect(await find({}, { ways: [{ name: 'a way', fetch }] })).toBe(join(cache, 'nats-server-2.15.2'));
  });

  it('tries the next way when one fails, and says what failed when none works', async () => {
    const broken = { name: 'broken', fetch: () => Promise.reject(new Error('no network')) };
    const wrong = { name: 'wrong', fetch: (workspace: string) => writeBinary(join(workspace, 'x'), 'hello') };
    await expect(find({}, { ways: [broken, wrong] })).rejects.toMatchObject({
      code: 'NATS_SERVER_MISSING',
      details: { tried: { broken: 'no network', wrong: 'the binary does not run or is older than 2.9.0' } },
    });
    const good = { name: 'good', fetch: (workspace: string) => writeServer(join(workspace, 'x'), '2.15.2') };
    expect(await find({}, { ways: [broken, good] })).toBe(join(cache, 'nats-server-2.15.2'));
  });
});
