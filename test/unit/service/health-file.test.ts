import { execFile } from 'node:child_process';
import { utimes } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clearHealth, writeHealth } from '#shared/service/health-file.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const folder = await temporaryFolder();
const probe = resolve(import.meta.dirname, '../../../infra/container/healthy.sh');

/** What an orchestrator hears: the exit status, and what was printed. */
function ask(path: string, ...args: string[]): Promise<{ status: number; text: string }> {
  const env = { ...process.env, LATENTMESH_HEALTH_FILE: path };
  return new Promise((done) => {
    execFile(probe, args, { env }, (error, stdout) => done({ status: Number(error?.code ?? 0), text: stdout.trim() }));
  });
}

describe('health file — what the probe of a container says of it', () => {
  it('is well after a heartbeat, and not before the first one', async () => {
    const path = join(folder, 'first');
    expect(await ask(path)).toEqual({ status: 1, text: `not ready yet: ${path} is not there` });
    writeHealth(path, 'ready');
    expect(await ask(path)).toEqual({ status: 0, text: '' });
  });

  it.each(['disconnected', 'leaving'] as const)('%s: takes no work, but is alive', async (health) => {
    const path = join(folder, health);
    writeHealth(path, health);
    expect(await ask(path)).toEqual({ status: 1, text: health });
    expect(await ask(path, 'alive')).toEqual({ status: 0, text: '' });
  });

  it('a process that hangs is not alive: its last word grows old', async () => {
    const path = join(folder, 'old');
    writeHealth(path, 'ready');
    const then = Date.now() / 1000 - 60;
    await utimes(path, then, then);
    for (const args of [[], ['alive']]) {
      const { status, text } = await ask(path, ...args);
      expect(status).toBe(1);
      expect(text).toMatch(/^no heartbeat for 6\d s$/);
    }
  });

  it('the word of a former process goes with the next start; a path that cannot be written is no reason to stop', async () => {
    const path = join(folder, 'former');
    writeHealth(path, 'ready');
    clearHealth(path);
    expect((await ask(path)).status).toBe(1);
    writeHealth(join(folder, 'no', 'such', 'folder'), 'ready');
    writeHealth(undefined, 'ready');
  });
});
