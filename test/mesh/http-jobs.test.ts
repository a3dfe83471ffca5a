/** Jobs over HTTP on a whole mesh: what its processes tell on the way. */
import { resolve } from 'node:path';
import { connectMesh } from 'latentmesh/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage } from '#shared/image/decode.ts';
import { serverEvents } from '#test/server-events.ts';
import { TestMesh } from './mesh-kit.ts';

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start({ model: resolve(import.meta.dirname, '../../models/pocket') });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const PROMPT = 'a red boat on the sea at night';

async function post(body: object, headers = {}): Promise<{ job: string; urls: Record<string, string> }> {
  const response = await fetch(`${mesh.httpUrl}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
  return response.json() as never;
}

// biome-ignore lint/suspicious/noExplicitAny: what comes is what the tests look at
async function get(path: string): Promise<any> {
  return (await fetch(`${mesh.httpUrl}${path}`)).json();
}

/** Mean distance of two pictures of one size, 0 … 255. */
async function distance(a: Uint8Array, b: Uint8Array): Promise<number> {
  const [one, other] = await Promise.all([decodeImage(a), decodeImage(b)]);
  expect(one.shape).toEqual(other.shape);
  return one.data.reduce((sum, value, i) => sum + Math.abs(value - other.data[i]!), 0) / one.data.length;
}

describe('jobs over HTTP — on a mesh', () => {
  it('a job tells its steps and previews, which come closer to the picture', async () => {
    const { urls } = await post({ prompt: PROMPT, seed: 3, steps: 12, preview_every: 4 });
    const events = await Array.fromAsync(serverEvents(`${mesh.httpUrl}${urls.events}`));
    const types = events.map(({ event }) => event);
    expect(types.at(-1)).toBe('done');
    const steps = events.filter(({ event }) => event === 'progress').map(({ data }) => data);
    expect(steps.at(-1)).toMatchObject({
      step: 12,
      steps: 12,
      eta_ms: 0,
      instance: expect.stringMatching(/^denoiser-/),
    });
    const previews = events.filter(({ event }) => event === 'preview').map(({ data }) => data);
    expect(previews.map(({ step }) => step)).toEqual([1, 4, 8]);
    const { result, request } = await get(urls.self!);
    expect(request).toMatchObject({ prompt: PROMPT, seed: 3, steps: 12 });
    const png = await fetch(`${mesh.httpUrl}${result.images[0].url}`);
    expect(png.headers.get('content-type')).toBe('image/png');
    const picture = new Uint8Array(await png.arrayBuffer());
    const pixels = previews.map((preview) => Buffer.from((preview.images as string[])[0]!.split(',')[1]!, 'base64'));
    const [first, , last] = await Promise.all(pixels.map((jpeg) => distance(jpeg, picture)));
    expect(last!).toBeLessThan(first!);
    expect(last!).toBeLessThan(24); // of 255: blurred, and the right colours
  });

  it('its trace has every process, and the watched mesh what flows between them', async () => {
    const watching = serverEvents(`${mesh.httpUrl}/v1/mesh/events`);
    await watching.next();
    const { urls } = await post({ prompt: PROMPT, steps: 4 });
    await Array.fromAsync(serverEvents(`${mesh.httpUrl}${urls.events}`));
    const kinds = new Set<unknown>();
    for await (const { data } of watching) {
      for (const { kind, bytes } of data.flows as { kind: string; bytes: number }[]) if (bytes > 0) kinds.add(kind);
      if (kinds.size === 3) break;
    }
    expect([...kinds].sort()).toEqual(['embeddings', 'latents', 'pixels']);
    const { spans } = await get(urls.trace!);
    const services = new Set(spans.map(({ service }: { service: string }) => service));
    expect([...services].sort()).toEqual(expect.arrayContaining(['denoiser', 'gateway', 'text-encoder', 'vae']));
    expect(spans[0]).toMatchObject({ start_ms: 0, end_ms: expect.any(Number), attributes: expect.any(Object) });
  });

  it('a job that runs is cancelled by DELETE, and the next one is made', async () => {
    const { job, urls } = await post({ prompt: PROMPT, steps: 150 });
    await mesh.event(job, ({ type }) => type === 'progress');
    const cancelled = await fetch(`${mesh.httpUrl}${urls.self}`, { method: 'DELETE' });
    expect(await cancelled.json()).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    const next = await post({ prompt: PROMPT, steps: 2 });
    const events = await Array.fromAsync(serverEvents(`${mesh.httpUrl}${next.urls.events}`));
    expect(events.at(-1)!.event).toBe('done');
    const { jobs } = await get('/v1/jobs?limit=2');
    expect(jobs.map((record: { job: string; state: string }) => [record.job, record.state])).toEqual([
      [next.job, 'done'],
      [job, 'cancelled'],
    ]);
  });
});

describe('the client over NATS — on a mesh', () => {
  it('submits, follows, and gets the picture', async () => {
    await using client = await connectMesh(mesh.natsUrl);
    const job = await client.submit({ prompt: PROMPT, seed: 3, steps: 4, preview_every: 1 });
    const events = await Array.fromAsync(client.events(job));
    const types = events.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(['progress', 'preview']));
    expect(types.at(-1)).toBe('done');
    const { images } = await client.result(job);
    const png = await client.png(images[0]!);
    expect(Buffer.from(png.subarray(1, 4)).toString()).toBe('PNG');
    expect(await Array.fromAsync(client.events(job))).toEqual([{ type: 'done', job }]);
    expect((await client.jobs({ limit: 1 }))[0]!.job).toBe(job);
    expect((await client.status()).model).toBe('pocket');
  });

  it('an abort cancels the job', async () => {
    await using client = await connectMesh(mesh.natsUrl);
    const abort = new AbortController();
    const types: string[] = [];
    const job = await client.submit({ prompt: PROMPT, steps: 150 });
    for await (const { type } of client.events(job, abort.signal)) {
      types.push(type);
      if (type === 'progress') abort.abort();
    }
    expect(types.at(-1)).toBe('cancelled');
    expect((await client.job(job)).state).toBe('cancelled');
    await expect(client.result(job)).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('a wrong request, and a job that nobody knows, are told as they are', async () => {
    await using client = await connectMesh(mesh.natsUrl);
    await expect(client.submit({ prompt: PROMPT, steps: 0 })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(Array.fromAsync(client.events('nobody'))).rejects.toMatchObject({ code: 'UNKNOWN_JOB' });
  });
});
