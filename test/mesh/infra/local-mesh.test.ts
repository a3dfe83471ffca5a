import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAlive } from '#infra/is-alive.ts';
import { type LocalMesh, startLocalMesh } from '#infra/mesh/local-mesh.ts';
import { ROLES } from '#infra/mesh/options.ts';
import type { MeshProcess } from '#infra/mesh/state-file.ts';
import { requestJson } from '#shared/bus/door.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { GenerateReply } from '#shared/contracts/generate.ts';
import type { Role } from '#shared/contracts/heartbeat.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { REFERENCE_MODEL } from '../mesh-kit.ts';

const folder = await temporaryFolder();

interface Started {
  readonly mesh: LocalMesh;
  /** Processes as they were told last. */
  readonly processes: () => readonly MeshProcess[];
  /** `<service> <message>`, in the order in which they were logged. */
  readonly said: string[];
}

/** One process of each role unless told otherwise, on free ports; killed when the test has finished, however it went. */
async function start(model: string, replicas: Partial<Record<Role, number>> = {}): Promise<Started> {
  let processes: readonly MeshProcess[] = [];
  const said: string[] = [];
  const { NATS_URL: _, ...env } = process.env;
  const stateFolder = await mkdtemp(join(folder, 'mesh-'));
  const mesh = await startLocalMesh({
    model,
    natsPort: 0,
    httpPort: 0,
    controlnets: [],
    loras: [],
    embeddings: [],
    replicas: { ...Object.fromEntries(ROLES.map((role) => [role, 1])), ...replicas } as Record<Role, number>,
    isQuiet: true,
    isVerbose: false,
    stateFolder,
    logFolder: join(stateFolder, 'logs'),
    env,
    onLine: (name, line) => said.push(`${name} ${/"msg":"([^"]*)"/.exec(line)?.[1]}`),
    onNotice: () => {},
    onProcesses: (told) => {
      processes = told;
    },
  });
  onTestFinished(() => mesh.kill());
  return { mesh, processes: () => processes, said };
}

describe('local mesh — from start to end', () => {
  it('M1 M2: tells every process as soon as it runs, and ends gateways first, then actors, then NATS', async () => {
    const { mesh, processes, said } = await start(REFERENCE_MODEL);
    expect(processes().map(({ name }) => name)).toEqual(['nats-server', ...ROLES]);
    expect(processes().every(({ pid }) => isAlive(pid))).toBe(true);
    await Promise.race([mesh.ready, mesh.failed]);
    await mesh.drain();
    const drained = said.filter((line) => line.endsWith(' Draining.'));
    expect(drained[0]).toBe('gateway Draining.');
    expect(drained.toSorted()).toEqual(ROLES.map((role) => `${role} Draining.`).toSorted());
    expect(processes().filter(({ pid }) => isAlive(pid))).toEqual([]);
  });

  it('restarts every service while jobs go on: none fails, all processes are new, as many as before', async () => {
    const { mesh, processes } = await start(REFERENCE_MODEL, { gateway: 2 }); // a lone one is away while it is replaced
    await Promise.race([mesh.ready, mesh.failed]);
    const former = processes();
    const transport = await connectNats({ url: mesh.natsUrl, name: 'test' });
    onTestFinished(() => transport.close());
    let isOver = false;
    const restarted = mesh.restart().finally(() => {
      isOver = true;
    });
    const pictures = new Set<unknown>();
    do {
      const request = { prompt: 'a cat', steps: 2, seed: 7, width: 64, height: 64 };
      const reply = await requestJson(transport, subjects.generate, request, { timeoutMs: 60_000 });
      pictures.add((reply as GenerateReply).images[0]!.b64_json);
    } while (!isOver);
    await restarted;
    expect(pictures.size).toBe(1);
    expect(former.filter(({ name, pid }) => name !== 'nats-server' && isAlive(pid))).toEqual([]);
    expect(processes().every(({ pid }) => isAlive(pid))).toBe(true);
    expect(processes().map(({ name }) => name)).toEqual(former.map(({ name }) => name));
    await mesh.drain();
  });

  it('M3: one service that cannot start ends the whole mesh, by its own error', async () => {
    const model = join(folder, 'empty');
    await mkdir(model);
    const { mesh, processes } = await start(model);
    expect((await failure(mesh.failed)).code).toBe('FILE_UNREADABLE');
    expect(mesh.waitingFor()).toEqual([...ROLES]);
    await mesh.drain();
    expect(processes().filter(({ pid }) => isAlive(pid))).toEqual([]);
  });
});
