/** OpenAI's own client against a gateway: what people have already written works by another base URL. */
import type { AddressInfo } from 'node:net';
import OpenAI, { toFile } from 'openai';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { MeshError } from '#shared/errors/errors.ts';
import { encodePng } from '#shared/image/png.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { aborted, gate } from '#test/contract/bus/harness.ts';
import type { JobsParts } from '../../../services/gateway/jobs.ts';
import { result } from './admitted.ts';
import { type Gateway, gateway } from './gateway.ts';

const PNG = await encodePng(tensor('u8', [64, 64, 3], new Uint8Array(64 * 64 * 3).fill(120)));

interface Sdk extends AsyncDisposable {
  readonly app: Gateway;
  readonly client: OpenAI;
  readonly origin: string;
}

async function sdk(work?: (app: Gateway) => JobsParts['work']): Promise<Sdk> {
  const app: Gateway = await gateway({
    work: async (job, signal) => {
      if (work) return work(app)(job, signal);
      const images = job.seeds.map(async (seed, i) => {
        const name = `${job.job}-${i}.png`;
        await app.files.put(name, PNG);
        const object = { bucket: app.files.bucket, name, bytes: PNG.length };
        return { seed, width: job.width, height: job.height, parameters: job.prompts[i]!, object };
      });
      return result(job.job, await Promise.all(images));
    },
  });
  await app.http.listen({ host: '127.0.0.1', port: 0 });
  const origin = `http://127.0.0.1:${(app.http.server.address() as AddressInfo).port}`;
  const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'none', maxRetries: 0 });
  return { app, client, origin, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

describe('OpenAI’s client — generations', () => {
  it('gets pictures', async () => {
    await using mesh = await sdk();
    const { data } = await mesh.client.images.generate({ prompt: 'a cat', n: 2, size: '64x64' as never });
    expect(data).toHaveLength(2);
    expect(Buffer.from(data![0]!.b64_json!, 'base64').equals(PNG)).toBe(true);
  });

  it('gets pictures by address, as WebP', async () => {
    await using mesh = await sdk();
    const { data } = await mesh.client.images.generate({
      prompt: 'a cat',
      response_format: 'url',
      output_format: 'webp',
    });
    const response = await fetch(data![0]!.url!);
    expect(response.headers.get('content-type')).toBe('image/webp');
    expect((await sharp(await response.arrayBuffer()).metadata()).format).toBe('webp');
  });

  it('lists the model', async () => {
    await using mesh = await sdk();
    expect((await mesh.client.models.list()).data.map(({ id }) => id)).toEqual(['tiny']);
  });

  it('gets our errors as its own', async () => {
    await using mesh = await sdk();
    const error = await mesh.client.images.generate({ prompt: 'a cat', size: '63x64' as never }).catch((e) => e);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ status: 400, code: 'INVALID_REQUEST', param: 'size', type: 'invalid_request_error' });
  });
});

describe('OpenAI’s client — in a stream', () => {
  it('gets as many pictures on the way as it asked for, and then the finished one', async () => {
    await using mesh = await sdk((app) => async (job) => {
      const jpeg = await sharp(PNG).resize(16).jpeg().toBuffer();
      const images = [`data:image/jpeg;base64,${jpeg.toString('base64')}`];
      for (const step of [1, 2, 4, 6]) app.feed.hear({ type: 'preview', job: job.job, step, steps: 8, images });
      await app.files.put('x-0.png', PNG);
      const object = { bucket: app.files.bucket, name: 'x-0.png', bytes: PNG.length };
      return result(job.job, [{ seed: 1, width: 64, height: 64, parameters: '', object }]);
    });
    const request = { prompt: 'a cat', size: '64x64' as never, partial_images: 3, stream: true, steps: 8 } as const;
    const events = await Array.fromAsync(await mesh.client.images.generate(request));
    expect(events.map(({ type }) => type)).toEqual([
      ...Array(3).fill('image_generation.partial_image'),
      'image_generation.completed',
    ]);
    const [first, , , last] = events;
    expect(first).toMatchObject({ partial_image_index: 0, output_format: 'png', size: '64x64', step: 2 });
    const partial = await sharp(Buffer.from(first!.b64_json, 'base64')).metadata();
    expect(partial).toMatchObject({ format: 'png', width: 64, height: 64 });
    expect(Buffer.from(last!.b64_json, 'base64').equals(PNG)).toBe(true);
  });

  it('gets the error of a job that fails on the way', async () => {
    await using mesh = await sdk(() => async () => {
      throw new MeshError('NOT_FINITE', 'The latents are not finite.');
    });
    const stream = await mesh.client.images.generate({ prompt: 'a cat', stream: true });
    const error = await Array.fromAsync(stream).catch((e) => e);
    expect(error).toMatchObject({ code: 'NOT_FINITE', message: expect.stringContaining('not finite') });
  });

  it('that leaves cancels its job', async () => {
    const started = gate();
    await using mesh = await sdk(() => (_, signal) => {
      started.open();
      return aborted(signal);
    });
    const stream = await mesh.client.images.generate({ prompt: 'a cat', stream: true, job: 'mine' } as never);
    await started.opened;
    (stream as unknown as { controller: AbortController }).controller.abort();
    expect(await mesh.app.outcomes.wait('mine', new AbortController().signal)).toMatchObject({ state: 'cancelled' });
  });

  it('a request that is refused is no stream', async () => {
    await using mesh = await sdk();
    const error = await mesh.client.images.generate({ prompt: 'a', stream: true, steps: 0 } as never).catch((e) => e);
    expect(error).toMatchObject({ status: 400, param: 'steps' });
  });
});

describe('OpenAI’s client — forms', () => {
  const image = () => toFile(PNG, 'image.png', { type: 'image/png' });

  it('a form without an image, with two, or with another file is refused by name', async () => {
    await using mesh = await sdk();
    const edit = (more: object) => mesh.client.images.edit({ prompt: 'a', ...more } as never).catch((e) => e);
    expect(await edit({})).toMatchObject({ status: 400 });
    expect(await edit({ image: [await image(), await image()] })).toMatchObject({
      code: 'UNSUPPORTED_OPTION',
      param: 'image',
    });
    expect(await edit({ image: await image(), mask: await image() })).toMatchObject({
      code: 'INVALID_IMAGE',
      param: 'mask',
    });
  });

  it('edits a picture, all of it or where the mask is transparent', async () => {
    await using mesh = await sdk();
    await mesh.client.images.edit({
      image: await image(),
      prompt: 'a dog',
      n: 2,
      job: 'whole',
      strength: 0.5,
    } as never);
    const whole = await mesh.app.jobs.get('whole');
    expect(whole.request).toMatchObject({
      prompt: 'a dog',
      strength: 0.5,
      batch: 2,
      init_image: expect.stringMatching(/^object:/),
    });
    const clear = await sharp({ create: { width: 64, height: 64, channels: 4, background: '#0000' } })
      .png()
      .toBuffer();
    const mask = await toFile(clear, 'mask.png', { type: 'image/png' });
    const { data } = await mesh.client.images.edit({
      image: await image(),
      mask,
      prompt: 'a dog',
      size: '64x64' as never,
    });
    expect(data).toHaveLength(1);
  });

  it('varies a picture of ours by the prompt that stands in it', async () => {
    await using mesh = await sdk();
    const parameters = 'a red boat\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64';
    const own = await encodePng(tensor('u8', [64, 64, 3], new Uint8Array(64 * 64 * 3)), { parameters });
    const file = await toFile(own, 'own.png', { type: 'image/png' });
    await mesh.client.images.createVariation({ image: file, n: 1, job: 'mine' } as never);
    expect((await mesh.app.jobs.get('mine')).request).toMatchObject({ prompt: 'a red boat', strength: 0.6 });
  });
});
