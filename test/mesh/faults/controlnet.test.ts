/** One ControlNet process, with room for one ControlNet, between two denoisers: whatever befalls it, each picture is its own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DIRECT_FROM_BYTES } from '#shared/bus/protocol.ts';
import { readSpans } from '#shared/bus/span-stream.ts';
import { Library } from '#shared/checkpoint/library.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { ControlNet } from '../../../services/controlnet/controlnet.ts';
import { REFERENCE_MODEL, TestMesh } from '../mesh-kit.ts';
import { controlledRequest } from './requests.ts';
import { WatchedJob } from './watched-job.ts';

let mesh: TestMesh;
let budgetBytes: number;
/** The same picture but for its ControlNet. */
let requests: readonly [GenerateInput, GenerateInput];
let calm: readonly [Uint8Array, Uint8Array];

beforeAll(async () => {
  budgetBytes = Math.max(await bytesOf('controlnet-a'), await bytesOf('controlnet-b'));
  mesh = await TestMesh.start({
    model: 'small',
    replicas: { denoiser: 2 },
    env: { LATENTMESH_CONTROLNET_CACHE_BYTES: `${budgetBytes}` },
  });
  const request = { ...(await controlledRequest()), steps: 12 };
  const [unit] = request.controlnets!;
  requests = [request, { ...request, controlnets: [{ ...unit!, controlnet: 'controlnet-b' }] }];
  calm = [await WatchedJob.send(mesh, requests[0]).picture(), await WatchedJob.send(mesh, requests[1]).picture()];
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

async function bytesOf(name: string): Promise<number> {
  const { folder, unet } = await openPipeline(REFERENCE_MODEL);
  return ControlNet.check(await new Library(folder).findControlNet(name), unet);
}

function sendBoth(): WatchedJob[] {
  return requests.map((input) => WatchedJob.send(mesh, input));
}

describe('faults — a ControlNet process', () => {
  it('with room for one: two jobs that want the place take turns, within the budget', async () => {
    const told: number[] = [];
    const watching = mesh.heartbeat(({ role, resident_bytes }) => {
      if (role === 'controlnet') told.push(resident_bytes!);
      return false;
    });
    void watching; // until the mesh ends
    expect(await Promise.all(sendBoth().map((job) => job.picture()))).toEqual(calm);
    expect(told.filter((bytes) => bytes > budgetBytes)).toEqual([]);
  });

  it.each(['open', 'step'])('is killed with the first "%s" of a job in its hands', async (operation) => {
    const asked = mesh.nextRequest('controlnet', operation);
    const job = WatchedJob.send(mesh, requests[0]);
    await asked;
    await mesh.signal('controlnet');
    expect(await job.picture()).toEqual(calm[0]);
  });

  it('is killed between the steps of two jobs: nothing is mixed up', async () => {
    const back = mesh.newcomer('controlnet');
    const jobs = sendBoth();
    await Promise.all(jobs.map((job) => job.step(5)));
    await mesh.signal('controlnet');
    expect(await Promise.all(jobs.map((job) => job.picture()))).toEqual(calm);
    await back;
  });

  it('tells in the trace by which way its residuals came, and how many bytes they were', async () => {
    const { trace_id } = await WatchedJob.send(mesh, { ...requests[0], width: 256, height: 256, steps: 2 }).reply;
    const replies = async () => {
      const spans = await readSpans(mesh.transport.connection, trace_id);
      return spans.filter(({ name }) => name === 'call controlnet.step').map(({ attributes }) => attributes);
    };
    await expect.poll(async () => (await replies()).length, { timeout: 20_000 }).toBe(2);
    for (const attributes of await replies()) {
      const bytes = Number(attributes['latentmesh.reply_bytes']);
      const far = process.platform === 'win32' ? 'chunks' : 'unix';
      expect(attributes['latentmesh.route']).toBe(bytes > DIRECT_FROM_BYTES ? far : 'inline');
      expect(bytes).toBeGreaterThan(0);
    }
  });

  it('is asked in the window only, and from one call before it', async () => {
    const [unit] = requests[0].controlnets!;
    const asked: string[] = [];
    const spy = ['open', 'step', 'close'].map((operation) =>
      mesh.transport.subscribe(`latentmesh.v1.actor.controlnet.${operation}.*`, () => asked.push(operation)),
    );
    const window = { control_guidance_start: 0.5, control_guidance_end: 0.75 };
    const job = WatchedJob.send(mesh, { ...requests[0], steps: 8, controlnets: [{ ...unit!, ...window }] });
    await mesh.transport.flush();
    await job.picture();
    await mesh.transport.flush();
    for (const one of spy) one.unsubscribe();
    expect(asked).toEqual(['open', 'step', 'step', 'close']);
  });
});
