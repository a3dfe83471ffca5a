/** Any process of the mesh may die in mid-job: the picture comes all the same, bit by bit the one of a calm run. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstFreePort } from '#infra/mesh/free-port.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { TestMesh } from '../mesh-kit.ts';
import { controlledRequest } from './requests.ts';
import { WatchedJob } from './watched-job.ts';

const FIRST_PORT = 8700;

let mesh: TestMesh;
let request: GenerateInput;
let calm: Uint8Array;

beforeAll(async () => {
  // A port of its own, so that a gateway that is started anew is where the one before was.
  mesh = await TestMesh.start({ model: 'small', httpPort: await firstFreePort(FIRST_PORT) });
  request = await controlledRequest();
  calm = await WatchedJob.send(mesh, request).picture();
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

describe('faults — a process is killed in mid-job', () => {
  it.each(['denoiser', 'controlnet', 'gateway'])('%s, between two steps', async (name) => {
    const job = WatchedJob.send(mesh, request);
    await job.step(10);
    await mesh.signal(name);
    expect(await job.picture()).toEqual(calm);
    // The denoiser that takes over goes on where the other was, and so does the gateway's.
    expect(job.steps).toEqual([...new Set(job.steps)]);
  });

  it('nats-server, between two steps; what is sent during the outage is done after it', async () => {
    const job = WatchedJob.send(mesh, request);
    await job.step(10);
    const isAway = mesh.connection('disconnected');
    await mesh.signal('nats-server');
    await isAway;
    const during = WatchedJob.send(mesh, request);
    expect(await job.picture()).toEqual(calm);
    expect(await during.picture()).toEqual(calm);
  });

  it.each([
    ['text-encoder', 'encode', 0.9],
    ['lora', 'patch', 0.8],
    ['vae', 'decode', 0.7],
  ] as const)('%s, with a request in its hands', async (name, operation, weight) => {
    // No cache knows this prompt and this strength.
    const fresh = { ...request, prompt: `a photo of a ${name}`, loras: [{ lora: 'a-kohya', weight }] };
    const asked = mesh.nextRequest(name, operation);
    const job = WatchedJob.send(mesh, fresh);
    await asked;
    await mesh.signal(name);
    const picture = await job.picture();
    expect(picture).toEqual(await WatchedJob.send(mesh, fresh).picture());
  });
});

describe('faults — the only gateway is killed as soon as it has accepted', () => {
  it('every job that was answered 202 is done by the next one', async () => {
    const body = JSON.stringify({ prompt: 'a boat', steps: 1, width: 64, height: 64 });
    const headers = { 'content-type': 'application/json' };
    const accepted = async (): Promise<string | undefined> => {
      const response = await fetch(`${mesh.httpUrl}/v1/jobs`, { method: 'POST', headers, body }).catch(() => undefined);
      if (response?.status !== 202) return undefined;
      const { job } = (await response.json()) as { job: string };
      kill();
      return job;
    };
    let isKilled = false;
    const kill = (): void => {
      if (!isKilled) void mesh.signal('gateway');
      isKilled = true;
    };
    const back = mesh.newcomer('gateway');
    const answered = await Promise.allSettled(Array.from({ length: 16 }, accepted));
    const jobs = answered.flatMap((one) => (one.status === 'fulfilled' && one.value ? [one.value] : []));
    expect(jobs).not.toEqual([]);
    await back;
    for (const job of jobs) {
      const ended = mesh.event(job, ({ type }) => type === 'done' || type === 'failed');
      const { state } = await mesh.record(job);
      if (state !== 'done') expect((await ended).type).toBe('done');
    }
  });
});

describe('faults — the only gateway is told to end', () => {
  it('what runs is finished and answered, newcomers are told, and served by the next one', async () => {
    const job = WatchedJob.send(mesh, request);
    await job.step();
    const leaving = mesh.heartbeat((heartbeat) => heartbeat.role === 'gateway' && heartbeat.leaving);
    const back = mesh.newcomer('gateway');
    await mesh.signal('gateway', 'SIGTERM');
    await leaving;
    await expect(mesh.generate(request)).rejects.toMatchObject({ code: 'NO_ACTOR' });
    await job.reply;
    await back;
    expect(await job.picture()).toEqual(calm);
    expect(await WatchedJob.send(mesh, request).picture()).toEqual(calm);
  });
});
