/** Who waits is served by class and by turns, and nobody is forgotten when the gateway dies meanwhile. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { subscribeJson } from '#shared/bus/door.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { JobEvent } from '#shared/contracts/jobs.ts';
import { TestMesh } from '../mesh-kit.ts';
import { controlledRequest } from './requests.ts';
import { WatchedJob } from './watched-job.ts';

const SHORT: GenerateInput = { prompt: 'a photo of a cat', steps: 1, width: 64, height: 64, seed: 3 };

let mesh: TestMesh;
beforeAll(async () => {
  mesh = await TestMesh.start({ model: 'small', env: { LATENTMESH_JOBS: '1' } });
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

describe('faults — jobs wait for the only gateway, which works on one at a time', () => {
  it.each([['is killed'], ['lives on']])('classes and clients keep their turns when it %s', async (fate) => {
    const started: string[] = [];
    const listening = subscribeJson(mesh.transport, subjects.allEvents, (body) => {
      const event = JobEvent.parse(body);
      if (event.type === 'started') started.push(event.job);
    });
    const first = WatchedJob.send(mesh, await controlledRequest());
    await first.step();
    const send = async (name: string, more: Partial<GenerateInput>): Promise<WatchedJob> => {
      const isStored = nextBell();
      const job = WatchedJob.send(mesh, { ...SHORT, job: `${fate.replace(' ', '-')}-${name}`, ...more });
      await isStored;
      return job;
    };
    const waiting = [
      await send('low', { priority: 'low' }),
      await send('ann-1', { client: 'Ann' }),
      await send('ann-2', { client: 'Ann' }),
      await send('ben-1', { client: 'Ben' }),
      await send('high', { priority: 'high', client: 'Ann' }),
    ];
    if (fate === 'is killed') await mesh.signal('gateway');
    await Promise.all([first, ...waiting].map((job) => job.picture()));
    await listening.drain();
    const order = started.filter((id) => id !== first.id).map((id) => id.split('-').slice(2).join('-'));
    expect(order).toEqual(['high', 'ben-1', 'ann-1', 'ann-2', 'low']);
  });
});

/** Resolves when the queue has a job that is sent after this call; it is told to wait, in its events, a little before. */
function nextBell(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const subscription = mesh.transport.subscribe(subjects.bell, () => resolve());
  return promise.finally(() => subscription.drain());
}
