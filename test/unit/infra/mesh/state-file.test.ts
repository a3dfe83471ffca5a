import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type MeshState, readLiveState, StateFile, stateFolder } from '#infra/mesh/state-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mesh-state-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A process whose command line holds `mark`; ends by itself when nobody does it. */
const startProcess = async (mark: string) => {
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)', mark], { stdio: 'ignore' });
  await once(child, 'spawn');
  return child;
};

const leave = (state: Partial<MeshState>) =>
  writeFile(join(folder, 'mesh.json'), JSON.stringify({ startedUnixMs: 0, processes: [], ...state }));

describe('mesh state', () => {
  it('is not live once its supervisor is gone', async () => {
    const child = await startProcess('infra/mesh/main.ts');
    await leave({ pid: child.pid!, natsUrl: 'nats://127.0.0.1:4222' });
    expect(await readLiveState(folder)).toMatchObject({ natsUrl: 'nats://127.0.0.1:4222' });
    child.kill();
    await once(child, 'exit');
    expect(await readLiveState(folder)).toBeUndefined();
  });

  it.runIf(process.platform === 'linux')('does not take another program with the same process id for it', async () => {
    const child = await startProcess('something else');
    await leave({ pid: child.pid! });
    expect(await readLiveState(folder)).toBeUndefined();
    child.kill();
  });

  it('refuses a second mesh in the same folder', async () => {
    const child = await startProcess('infra/mesh/main.ts');
    await leave({ pid: child.pid!, httpUrl: 'http://127.0.0.1:8188' });
    await expect(StateFile.claim(folder)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('already runs here at http://127.0.0.1:8188'),
    });
    child.kill();
  });

  it('ends what a killed supervisor left running, and nothing else', async () => {
    const [left, other] = await Promise.all([startProcess('left-over'), startProcess('other')]);
    const ended = once(left, 'exit');
    const processes = [
      { name: 'nats-server', pid: left.pid!, command: 'left-over' },
      { name: 'vae', pid: other.pid!, command: 'services/vae/main.ts' },
    ];
    await leave({ pid: 2 ** 22 + 1, processes });
    const state = await StateFile.claim(folder);
    await ended;
    expect(state.leftovers).toEqual(process.platform === 'linux' ? ['nats-server'] : ['nats-server', 'vae']);
    other.kill();
  });

  it('is gone after release', async () => {
    const state = await StateFile.claim(folder);
    void state.update({ natsUrl: 'nats://127.0.0.1:1' });
    await state.release();
    expect(await readLiveState(folder)).toBeUndefined();
  });

  it('lies where LATENTMESH_STATE_DIR says', () => {
    expect(stateFolder({ LATENTMESH_STATE_DIR: '/run/mesh' })).toBe('/run/mesh');
  });
});
