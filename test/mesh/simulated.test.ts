/** A mesh whose devices only wait: everything else is the real one. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSpans } from '#shared/bus/span-stream.ts';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { controlledRequest } from './faults/requests.ts';
import { TestMesh } from './mesh-kit.ts';
import { pictureOf } from './recorded-requests.ts';

const DEVICE = 'simulated:h800-sdxl';
/** A picture of 2.9 s takes some 60 ms. */
const TIME_SCALE = '0.02';

let mesh: TestMesh;
let request: GenerateInput;

beforeAll(async () => {
  const env = { LATENTMESH_DEVICE: DEVICE, LATENTMESH_TIME_SCALE: TIME_SCALE };
  mesh = await TestMesh.start({ replicas: { denoiser: 2 }, env });
  request = await controlledRequest();
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

/** Spans of a job's runs, once that of the last stage has come. */
async function runsOf(traceId: string): Promise<SpanRecord[]> {
  for (;;) {
    const spans = await readSpans(mesh.transport.connection, traceId);
    const runs = spans.filter(({ name }) => name.startsWith('run '));
    if (runs.some(({ name }) => name.startsWith('run vae.decode'))) return runs;
  }
}

describe('mesh of simulated devices', () => {
  it('names them so, wherever a device is named', async () => {
    const { trace_id } = await mesh.generate(request);
    const devices = (await mesh.instances()).map(({ role, device }) => [role, device]);
    expect(Object.fromEntries(devices)).toEqual({
      gateway: 'none',
      lora: DEVICE,
      'text-encoder': DEVICE,
      controlnet: DEVICE,
      denoiser: DEVICE,
      vae: DEVICE,
    });
    const runs = await runsOf(trace_id);
    expect(new Set(runs.map(({ attributes }) => attributes['latentmesh.device']))).toEqual(new Set([DEVICE]));
    expect(runs.find(({ name }) => name.startsWith('run unet.down'))!.attributes['latentmesh.run_ms']).toBe(24.7);
  });

  it('goes through every stage and gives a picture of the right size', async () => {
    const reply = await mesh.generate(request);
    const { shape } = await pictureOf(mesh, reply);
    expect(shape).toEqual([1, request.height, request.width, 3]);
  });

  it('two denoisers share the jobs', async () => {
    // Without LoRAs: with turns this short, waiting for who holds them is better than loading them.
    const job = { ...request, loras: [], steps: 150 };
    const started = mesh.event('first', ({ type }) => type === 'progress');
    const running = mesh.generate({ ...job, job: 'first' });
    await started;
    const replies = await Promise.all([running, mesh.generate(job)]);
    const runs = (await Promise.all(replies.map(({ trace_id }) => runsOf(trace_id)))).flat();
    const denoisers = new Set(runs.filter(({ service }) => service === 'denoiser').map(({ instance }) => instance));
    expect(denoisers.size).toBe(2);
  });

  it('needs no onnxruntime', async ({ skip }) => {
    if (process.platform !== 'linux') skip('only Linux tells what a process has mapped');
    expect(await readFile(`/proc/${mesh.pid('denoiser')}/maps`, 'utf8')).not.toContain('onnxruntime');
  });
});
