import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { IDENTITIES } from '#infra/nats/permissions.ts';
import { publicKeyIn } from '#shared/bus/identity.ts';
import { temporaryFolder } from '../../../temporary-folder.ts';

const folder = await temporaryFolder();
const SCRIPT = resolve(import.meta.dirname, '../../../../infra/container/make-keys.ts');
const SERVERS = ['nats', 'nats-2'];

const make = () =>
  promisify(execFile)(process.execPath, [
    SCRIPT,
    '--folder',
    folder,
    ...SERVERS.flatMap((server) => ['--server', server]),
  ]);
const read = (...path: string[]): Promise<string> => readFile(join(folder, ...path), 'utf8');

describe('keys of containers — one for each identity, made once', () => {
  beforeAll(async () => {
    await mkdir(join(folder, 'nats'));
    await make();
  });

  it('each is in a folder of its own, for its owner alone, and the server knows it', async () => {
    const told = await read('nats', 'authorization.conf');
    for (const identity of IDENTITIES) {
      expect(await readdir(join(folder, identity))).toEqual([`${identity}.nk`]);
      expect((await stat(join(folder, identity, `${identity}.nk`))).mode & 0o777).toBe(0o600);
      expect(told).toContain(`nkey: ${publicKeyIn(join(folder, identity, `${identity}.nk`))}\n`);
    }
  });

  it('seeds and the password among servers stay, permissions are told anew', async () => {
    const files = [...IDENTITIES.map((identity) => [identity, `${identity}.nk`]), ['nats', 'routes.conf']];
    const before = await Promise.all(files.map((path) => read(...path)));
    const told = await read('nats', 'authorization.conf');
    await writeFile(join(folder, 'nats', 'authorization.conf'), 'of a former image');
    await make();
    expect(await Promise.all(files.map((path) => read(...path)))).toEqual(before);
    expect(await read('nats', 'authorization.conf')).toBe(told);
  });

  it('every server is told where each of them is, with the password that they ask for', async () => {
    const text = await read('nats', 'routes.conf');
    const password = /password: "([0-9a-f]{64})"/.exec(text)![1];
    for (const server of SERVERS) expect(text).toContain(`"nats-route://route:${password}@${server}:6222"`);
  });

  it('a seed that is none is told, and not replaced', async () => {
    await writeFile(join(folder, 'vae', 'vae.nk'), 'not a seed\n');
    await expect(make()).rejects.toMatchObject({ stderr: expect.stringContaining('vae.nk holds no nkey seed') });
    expect(await read('vae', 'vae.nk')).toBe('not a seed\n');
  });
});
