/** Work that nobody wants any more ends, however its caller says so, and leaves the devices to the next job. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { subjects } from '#shared/bus/subjects.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { TestMesh } from '../mesh-kit.ts';
import { controlledRequest, longRequest } from './requests.ts';
import { WatchedJob } from './watched-job.ts';

const COMMAND = resolve(import.meta.dirname, '../../../services/cli/bin.js');
/** One at work, one that waits. */
const MAX_JOBS = 2;

let mesh: TestMesh;
let short: GenerateInput;
let long: GenerateInput;
let calm: Uint8Array;

beforeAll(async () => {
  mesh = await TestMesh.start({
    model: 'small',
    env: { LATENTMESH_JOBS: '1', LATENTMESH_QUEUE: `${MAX_JOBS}` },
  });
  [short, long] = await Promise.all([controlledRequest(), longRequest()]);
  calm = await WatchedJob.send(mesh, short).picture();
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

/** With one gateway that works on one job and one denoiser this would not end if the device were not free. */
afterEach(async () => {
  expect(await WatchedJob.send(mesh, short).picture()).toEqual(calm);
});

describe('faults — a job is cancelled', () => {
  const cancel = (job: string) => mesh.ask(subjects.cancel, { job });

  it('while it waits in the queue: it never starts', async () => {
    const running = WatchedJob.send(mesh, long);
    await running.step();
    const waiting = WatchedJob.send(mesh, short);
    await waiting.told(({ type }) => type === 'queued');
    expect(await cancel(waiting.id)).toMatchObject({ state: 'cancelled' });
    await expect(waiting.reply).rejects.toMatchObject({ code: 'CANCELLED' });
    await cancel(running.id);
    await running.expectOutcome('cancelled');
    await waiting.expectOutcome('cancelled');
    expect(waiting.events.map(({ type }) => type)).toEqual(['queued', 'cancelled']);
  });

  it('while it runs: the caller is told, a second wish changes nothing', async () => {
    const job = WatchedJob.send(mesh, long);
    await job.step();
    expect(await cancel(job.id)).toMatchObject({ state: 'cancelled' });
    await expect(job.reply).rejects.toMatchObject({ code: 'CANCELLED' });
    await cancel(job.id);
    await job.expectOutcome('cancelled');
  });

  it('when its HTTP client goes away', async () => {
    const client = new AbortController();
    const job = WatchedJob.post(mesh, long, client.signal);
    await job.step();
    client.abort();
    await job.expectOutcome('cancelled');
  });

  it('by Ctrl-C of `latentmesh generate`, whose status is 130', async () => {
    await using folder = await temporaryFolder();
    const flags = ['--steps', `${long.steps}`, '--width', '256', '--height', '256', '-o', join(folder.path, 'x.png')];
    const child = spawn(process.execPath, [COMMAND, 'generate', 'a cat', ...flags], {
      env: { ...process.env, NATS_URL: mesh.natsUrl, LATENTMESH_STATE_DIR: folder.path },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const exited = once(child, 'exit');
    let job = '';
    for await (const line of createInterface({ input: child.stderr })) {
      if (line.startsWith('step 1/')) child.kill('SIGINT');
      job = /Cancelling job (\S+)\./.exec(line)?.[1] ?? job;
    }
    expect(await exited).toEqual([130, null]);
    expect(await mesh.record(job)).toMatchObject({ state: 'cancelled' });
  });
});

describe('faults — a job is too late, or too many', () => {
  it('DEADLINE_EXCEEDED while it runs', async () => {
    const job = WatchedJob.send(mesh, { ...long, deadline_ms: 3000 });
    await job.step();
    await expect(job.reply).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await job.expectOutcome('failed');
  });

  it('QUEUE_FULL with a retry-after, and the mesh serves on', async () => {
    const jobs = Array.from({ length: MAX_JOBS }, () => WatchedJob.send(mesh, long));
    await Promise.all(jobs.map((job) => job.told(({ type }) => type === 'queued')));
    await Promise.race(jobs.map((job) => job.step()));
    const response = await fetch(`${mesh.httpUrl}/v1/images/generations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'one too many' }),
    });
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await response.json()).toMatchObject({ error: { code: 'QUEUE_FULL' } });
    await Promise.all(jobs.map((job) => mesh.ask(subjects.cancel, { job: job.id })));
    await Promise.all(jobs.map((job) => job.expectOutcome('cancelled')));
  });
});

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'latentmesh-cli-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
