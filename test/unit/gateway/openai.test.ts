import { describe, expect, it } from 'vitest';
import { GenerateRequest } from '#shared/contracts/generate.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { MemoryResultStore } from '#test/contract/bus/memory-stores.ts';
import { readImagesRequest, toErrorResponse } from '../../../services/gateway/http/openai.ts';
import { imagesResponse } from '../../../services/gateway/http/openai-response.ts';
import { result } from './admitted.ts';

function refused(body: unknown): MeshError {
  try {
    readImagesRequest(body).input;
  } catch (error) {
    return error as MeshError;
  }
  throw new Error('was accepted');
}

const UNIT = { controlnet: 'canny', image: 'iVBORw0KGgo=' };

describe('OpenAI images — the request', () => {
  it('needs no more than a prompt; what is left out is left out', () => {
    expect(readImagesRequest({ prompt: 'a cat' }).input).toEqual({ prompt: 'a cat' });
  });

  it.each<[string, object, object]>([
    ['model', { model: 'sd15' }, { model: 'sd15' }],
    ['n', { n: 3 }, { batch: 3 }],
    ['size', { size: '768x512' }, { width: 768, height: 512 }],
    ['size auto', { size: 'auto' }, {}],
    ['steps', { steps: 30 }, { steps: 30 }],
    ['num_inference_steps', { num_inference_steps: 30 }, { steps: 30 }],
    ['both names alike', { steps: 30, num_inference_steps: 30 }, { steps: 30 }],
    ['guidance_scale', { guidance_scale: 5 }, { guidance_scale: 5 }],
    ['cfg_scale', { cfg_scale: 5 }, { guidance_scale: 5 }],
    ['negative_prompt', { negative_prompt: 'dogs' }, { negative_prompt: 'dogs' }],
    ['job', { job: 'my-job' }, { job: 'my-job' }],
    ['sampler', { sampler: 'Euler a' }, { sampler: 'Euler a' }],
    ['eta', { eta: 0.5 }, { eta: 0.5 }],
    ['seed', { seed: 7 }, { seed: 7 }],
    ['seeds', { seed: [7, 9] }, { seed: [7, 9] }],
    ['clip_skip', { clip_skip: 2 }, { clip_skip: 2 }],
    ['guess_mode', { guess_mode: true }, { guess_mode: true }],
    ['deadline_ms', { deadline_ms: 1000 }, { deadline_ms: 1000 }],
    ['priority', { priority: 'high' }, { priority: 'high' }],
    ['client', { client: 'Ann' }, { client: 'Ann' }],
    ['user, as the client', { user: 'Ann' }, { client: 'Ann' }],
    ['both names of the client alike', { user: 'Ann', client: 'Ann' }, { client: 'Ann' }],
    ['a user without a name', { user: '' }, {}],
    ['loras', { loras: [{ lora: 'style', weight: 0.5 }] }, { loras: [{ lora: 'style', weight: 0.5 }] }],
  ])('takes %s', (_, given, expected) => {
    expect(readImagesRequest({ prompt: 'a cat', ...given }).input).toEqual({ prompt: 'a cat', ...expected });
  });

  it('takes controlnets, with the defaults of the native request', () => {
    const native = GenerateRequest.parse({ prompt: 'a', controlnets: [UNIT] });
    expect(GenerateRequest.parse(readImagesRequest({ prompt: 'a', controlnets: [UNIT] }).input)).toEqual(native);
  });

  it.each([
    ['response_format', 'b64_json'],
    ['output_format', 'png'],
    ['quality', 'auto'],
    ['quality', 'standard'],
    ['background', 'auto'],
    ['background', 'opaque'],
    ['style', 'vivid'],
    ['moderation', 'low'],
    ['stream', false],
    ['partial_images', 0],
    ['user', null],
    ['n', null],
    ['size', null],
    ['model', null],
  ])('takes OpenAI’s %s at %j, which asks for nothing that is not done anyway', (field, value) => {
    expect(readImagesRequest({ prompt: 'a cat', [field]: value }).input).toEqual({ prompt: 'a cat' });
  });

  it.each([
    ['quality', 'hd'],
    ['quality', 'high'],
    ['background', 'transparent'],
    ['style', 'natural'],
    ['partial_images', 2],
    ['output_compression', 50],
  ])('refuses %s %j, which it would have to ignore', (field, value) => {
    expect(refused({ prompt: 'a cat', [field]: value })).toMatchObject({
      code: 'UNSUPPORTED_OPTION',
      details: { path: field, value },
    });
  });

  it.each([
    ['size', '512'],
    ['size', '512 x 512'],
    ['size', '512x513'],
    ['size', '2056x64'],
    ['size', '2056x2048'],
    ['n', 0],
    ['n', 99],
    ['quality', 'superb'],
    ['prompt', 7],
    ['width', 512],
  ])('refuses %s %j', (field, value) => {
    const error = refused({ prompt: 'a cat', [field]: value });
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', details: { problems: [{ path: field }] } });
  });

  it.each([
    [20, 3, 5],
    [20, 1, 10],
    [9, 3, 2],
    [2, 3, 1],
  ])('%i steps and %i pictures on the way: one every %i steps', (steps, partial_images, every) => {
    const { input, options } = readImagesRequest({ prompt: 'a cat', steps, partial_images, stream: true });
    expect(input).toMatchObject({ steps, preview_every: every });
    expect(options).toMatchObject({ isStream: true, partialImages: partial_images });
  });

  it('refuses two names of one field that disagree', () => {
    expect(refused({ prompt: 'a', steps: 20, num_inference_steps: 30 }).details).toEqual({
      problems: [{ path: 'num_inference_steps', message: 'says 30, steps says 20' }],
    });
    expect(refused({ prompt: 'a', guidance_scale: 0, cfg_scale: 7 }).code).toBe('INVALID_REQUEST');
  });
});

describe('OpenAI images — the answer', () => {
  it('has OpenAI’s fields, and ours beside them', async () => {
    const files = new MemoryResultStore();
    await files.put('job-1-0.png', Buffer.from('iVBORw==', 'base64'));
    const object = { bucket: files.bucket, name: 'job-1-0.png', bytes: 4 };
    const reply = result('job-1', [{ seed: 7, width: 64, height: 32, parameters: 'a cat', object }]);
    const { options } = readImagesRequest({ prompt: 'a cat' });
    const parts = { options, files, origin: 'http://localhost:8188', createdUnixMs: 1_700_000_000_999 };
    expect(await imagesResponse(reply, parts)).toEqual({
      created: 1_700_000_000,
      data: [{ b64_json: 'iVBORw==', seed: 7, parameters: 'a cat' }],
      output_format: 'png',
      size: '64x32',
      job: 'job-1',
      trace_id: '',
      model: 'tiny',
      warnings: [],
      timings: reply.timings,
    });
  });

  it('names pictures by address where that is asked for', async () => {
    const reply = result('job-1', [{ seed: 7, width: 64, height: 32, parameters: 'a cat' }]);
    const { options } = readImagesRequest({
      prompt: 'a',
      response_format: 'url',
      output_format: 'webp',
      output_compression: 60,
    });
    const parts = { options, files: new MemoryResultStore(), origin: 'http://localhost:8188', createdUnixMs: 0 };
    expect(await imagesResponse(reply, parts)).toMatchObject({
      data: [{ url: 'http://localhost:8188/v1/jobs/job-1/images/0?format=webp&quality=60' }],
    });
  });

  it.each([
    [new MeshError('UNKNOWN_LORA', 'No LoRA.', { path: 'loras.0.lora' }), 'invalid_request_error', 'loras.0.lora'],
    [new MeshError('INVALID_REQUEST', 'Wrong.', { problems: [{ path: 'steps' }] }), 'invalid_request_error', 'steps'],
    [
      new MeshError('INVALID_IMAGE', 'No image.', { path: 'controlnets.0.image' }),
      'invalid_request_error',
      'controlnets.0.image',
    ],
    [new MeshError('INTERNAL', 'Broken.'), 'server_error', null],
  ])('errors have OpenAI’s four keys: %s', (error, type, param) => {
    const { code, message, details } = error;
    expect(toErrorResponse(error.toWire())).toEqual({ error: { message, type, param, code, details } });
  });
});
