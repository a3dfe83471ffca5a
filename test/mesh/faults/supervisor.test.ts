/** A supervisor that is killed leaves no service behind, and the next one goes on with the jobs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isSameProcess } from '#infra/is-alive.ts';
import { type MeshState, PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import { requestJson, subscribeJson } from '#shared/bus/door.ts';
import { connectNats } from '#shared/bus/nats-transport.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { GenerateReply } from '#shared/contracts/generate.ts';
import { JobEvent } from '#shared/contracts/jobs.ts';
import { decodeImage } from '#shared/image/decode.ts';
import { REFERENCE_LORAS, REFERENCE_MODEL } from '../mesh-kit.ts';
import { copySmallModel } from '../small-model.ts';
import { controlledRequest } from './requests.ts';

/** What a service gives to running work: short, so that the test need not wait for work that cannot be finished. */
const GRACE_MS = 500;
const JOB_TIMEOUT_MS = 60_000;
/** What services may take to end, on a machine that does other things, ms. */
const LEAVE_TIMEOUT_MS = 20_000;

describe('faults — the supervisor is killed in mid-job', () => {
  it.each([
    ['alone', []],
    ['and nats-server with it', ['nats-server']],
  ])('%s: its services end by themselves, and the next supervisor’s do the job', async (_, others) => {
    await using place = await temporaryPlace();
    const first = await place.supervise('0');
    await using transport = Object.assign(await connectNats({ url: first.natsUrl, name: 'test' }), {
      [Symbol.asyncDispose]: () => transport.close(),
    });
    const request = await controlledRequest();
    const generate = async (job: string) => {
      const input = { ...request, job };
      return (await requestJson(transport, subjects.generate, input, { timeoutMs: JOB_TIMEOUT_MS })) as GenerateReply;
    };
    const calm = await pixels(await generate('calm'));

    const step = firstStep(transport, 'orphan');
    const reply = generate('orphan');
    await step;
    const processes = await place.processes();
    const services = processes.filter(({ name }) => name !== 'nats-server');
    first.process.kill('SIGKILL');
    for (const { name, pid } of processes) if (others.includes(name)) process.kill(pid, 'SIGKILL');
    const alive = () => services.filter(({ pid, command }) => isSameProcess(pid, command)).map(({ name }) => name);
    await expect.poll(alive, { timeout: LEAVE_TIMEOUT_MS }).toEqual([]);

    await place.supervise(new URL(first.natsUrl).port);
    expect(await pixels(await reply)).toEqual(calm);
  });
});

/** A folder with the state of a mesh, and the supervisors that are started on it. Disposing it ends whatever still runs. */
async function temporaryPlace() {
  const folder = await mkdtemp(join(tmpdir(), 'latentmesh-supervisor-'));
  const model = await copySmallModel(REFERENCE_MODEL, folder);
  const processes = async () => (JSON.parse(await readFile(join(folder, 'mesh.json'), 'utf8')) as MeshState).processes;
  const supervisors: ChildProcess[] = [];
  return {
    processes,
    supervise: async (natsPort: string): Promise<{ process: ChildProcess; natsUrl: string }> => {
      const script = join(PROJECT_FOLDER, 'infra', 'mesh', 'main.ts');
      const ports = ['--port', '0', '--nats-port', natsPort];
      const files = ['--model', model, '--loras', REFERENCE_LORAS];
      const { NATS_URL: _, ...env } = process.env;
      const child = spawn(process.execPath, [script, '--quiet', ...ports, ...files], {
        env: { ...env, LATENTMESH_STATE_DIR: folder, LATENTMESH_GRACE_MS: `${GRACE_MS}` },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      supervisors.push(child);
      const [ready] = (await once(child, 'message')) as [{ type: string; natsUrl: string }];
      expect(ready).toMatchObject({ type: 'ready' });
      return { process: child, natsUrl: ready.natsUrl };
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of supervisors) child.kill('SIGKILL');
      for (const { pid, command } of await processes()) if (isSameProcess(pid, command)) process.kill(pid, 'SIGKILL');
      await rm(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

function firstStep(transport: Parameters<typeof subscribeJson>[0], job: string): Promise<void> {
  return new Promise((resolve) => {
    subscribeJson(transport, subjects.events(job), (body) => {
      if (JobEvent.parse(body).type === 'progress') resolve();
    });
  });
}

async function pixels({ images: [image] }: GenerateReply): Promise<Uint8Array> {
  return (await decodeImage(Buffer.from(image!.b64_json!, 'base64'))).data as Uint8Array;
}
