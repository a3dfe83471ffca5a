import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogFile } from '#infra/mesh/log-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'log-file-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('log file', () => {
  it('keeps at most two files of the size given, with the newest lines', async () => {
    const log = new LogFile(join(folder, 'vae.log'), 100);
    for (let line = 0; line < 50; line += 1) log.write(`line ${line}`);
    expect((await readdir(folder)).sort()).toEqual(['vae.log', 'vae.log.1']);
    for (const name of await readdir(folder)) expect((await stat(join(folder, name))).size).toBeLessThanOrEqual(100);
    expect(await readFile(log.path, 'utf8')).toMatch(/line 49\n$/);
  });

  it('goes on with a file that is there', async () => {
    new LogFile(join(folder, 'vae.log')).write('first');
    new LogFile(join(folder, 'vae.log')).write('second');
    expect(await readFile(join(folder, 'vae.log'), 'utf8')).toBe('first\nsecond\n');
  });
});
