/** Two gateways and two denoisers: what one cannot do, because it hangs, leaves or dies, the other does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { TestMesh } from '../mesh-kit.ts';
import { controlledRequest } from './requests.ts';
import { WatchedJob } from './watched-job.ts';

let mesh: TestMesh;
let request: GenerateInput;
let calm: Uint8Array;
/** What a job tells that was run once. */
let allSteps: number[];

beforeAll(async () => {
  mesh = await TestMesh.start({ model: 'small', replicas: { gateway: 2, denoiser: 2 } });
  request = await controlledRequest();
  const job = WatchedJob.send(mesh, request);
  calm = await job.picture();
  allSteps = job.steps;
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

/** A job in the middle of its steps, and the denoiser that has it. */
async function runningJob(): Promise<{ job: WatchedJob; instance: string; process: string }> {
  const asked = mesh.nextRequest('denoiser', 'denoise');
  const job = WatchedJob.send(mesh, request);
  const instance = await asked;
  await job.step(5);
  return { job, instance, process: await mesh.processOf(instance) };
}

describe('faults — a denoiser of two', () => {
  it('hangs: its job goes on elsewhere, and when it wakes up its late reply changes nothing', async () => {
    const { job, instance, process } = await runningJob();
    await mesh.signal(process, 'SIGSTOP');
    try {
      expect(await mesh.nextRequest('denoiser', 'denoise')).not.toBe(instance);
      const told = job.steps.length;
      await job.told(() => job.steps.length > told);
      expect(job.steps[told]).toBeGreaterThan(5); // not from noise
    } finally {
      await mesh.signal(process, 'SIGCONT');
    }
    expect(await job.picture()).toEqual(calm);
    await mesh.heartbeat((heartbeat) => heartbeat.instance === instance && heartbeat.load === 0);
    await job.expectOutcome('done');
    const [first, second] = [await runningJob(), await runningJob()];
    expect(first.instance).not.toBe(second.instance);
    expect(await Promise.all([first.job.picture(), second.job.picture()])).toEqual([calm, calm]);
  });

  it('is killed under several jobs: each has one outcome and its picture', async () => {
    const other = { ...request, seed: 4 };
    const calmOther = await WatchedJob.send(mesh, other).picture();
    const back = mesh.newcomer('denoiser');
    const jobs = [request, other, request, other].map((input) => WatchedJob.send(mesh, input));
    await Promise.race(jobs.map((job) => job.step(10)));
    await mesh.signal('denoiser');
    expect(await Promise.all(jobs.map((job) => job.picture()))).toEqual([calm, calmOther, calm, calmOther]);
    await back;
  });

  it('is told to end: what it has it finishes, what comes goes to the other', async () => {
    const { job, instance, process } = await runningJob();
    const leaving = mesh.heartbeat((heartbeat) => heartbeat.instance === instance && heartbeat.leaving);
    await mesh.signal(process, 'SIGTERM');
    await leaving;
    const next = await runningJob();
    expect(next.instance).not.toBe(instance);
    expect(await Promise.all([job.picture(), next.job.picture()])).toEqual([calm, calm]);
    expect(job.steps).toEqual(allSteps);
  });
});

describe('faults — a gateway of two', () => {
  it('hangs: its job is run and answered by the other, and when it wakes up it gives no second outcome', async () => {
    // Two seconds: long enough to see in a heartbeat who has it.
    const longer = { ...request, steps: 80 };
    const job = WatchedJob.send(mesh, longer);
    const { instance } = await mesh.heartbeat(({ role, load }) => role === 'gateway' && load > 0);
    const process = await mesh.processOf(instance);
    await mesh.signal(process, 'SIGSTOP');
    try {
      await job.told(() => job.events.filter(({ type }) => type === 'started').length > 1);
    } finally {
      await mesh.signal(process, 'SIGCONT');
    }
    const picture = await job.picture();
    await mesh.heartbeat((heartbeat) => heartbeat.instance === instance && heartbeat.load === 0);
    await job.expectOutcome('done');
    expect(picture).toEqual(await WatchedJob.send(mesh, longer).picture());
  });

  it('is told to end: what runs is finished and answered, newcomers go to the other', async () => {
    const overHttp = WatchedJob.post(mesh, request);
    await overHttp.started();
    const running = [1, 2, 3].map(() => WatchedJob.send(mesh, request));
    await Promise.all(running.map((job) => job.started()));
    const leaving = mesh.heartbeat((heartbeat) => heartbeat.role === 'gateway' && heartbeat.leaving);
    await mesh.signal('gateway', 'SIGTERM');
    await leaving;
    for (const job of [overHttp, ...running, WatchedJob.send(mesh, request)]) {
      expect(await job.picture()).toEqual(calm);
      expect(job.steps).toEqual(allSteps);
    }
  });
});
