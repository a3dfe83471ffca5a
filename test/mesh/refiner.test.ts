/** SDXL's base and its refiner in one job, and the refiner as a model, by real processes: pictures equal Diffusers'. */
import { readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { pick, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { expectSamePicture } from '../golden/pipelines/same-picture.ts';
import { goldenPath, loadSafetensors } from '../golden/reference.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { TestMesh } from './mesh-kit.ts';
import { base64Png, generatePicture } from './recorded-requests.ts';
import { copySmallModel } from './small-model.ts';

interface Row {
  readonly case: string;
  readonly prompt: string;
  readonly negative_prompt: string | null;
  readonly seed: number;
  readonly steps: number;
  readonly guidance_scale: number;
  readonly sampler: string;
  readonly denoising_start: number | null;
  readonly aesthetic_score: number;
  readonly negative_aesthetic_score: number;
  readonly strength?: number;
}

const { cases: ROWS } = JSON.parse(readFileSync(goldenPath('refiner', 'cases.json'), 'utf8')) as { cases: Row[] };
const SHARED = ['text_encoder_2', 'tokenizer_2', 'vae', 'scheduler'];
const folder = await temporaryFolder();
const refiner = join(folder, 'finisher');
let pictures: TensorMap;

beforeAll(async () => {
  pictures = await loadSafetensors(goldenPath('refiner', 'pictures.safetensors'));
  await cp(goldenPath('refiner'), refiner, { recursive: true });
  for (const part of SHARED) await cp(goldenPath('sdxl', part), join(refiner, part), { recursive: true });
});

function requestOf(row: Row): GenerateInput {
  const { prompt, negative_prompt, seed, steps, guidance_scale, sampler, denoising_start } = row;
  return {
    ...{ width: 64, height: 64, prompt, seed, steps, guidance_scale, sampler },
    ...(negative_prompt !== null && { negative_prompt }),
    ...(denoising_start !== null && { refiner: { denoising_start } }),
    aesthetic_score: row.aesthetic_score,
    negative_aesthetic_score: row.negative_aesthetic_score,
  };
}

describe('mesh — a base and its refiner in one job', () => {
  let mesh: TestMesh;
  const job: GenerateInput = { ...requestOf(ROWS[0]!), steps: 3 };

  beforeAll(async () => {
    const model = await copySmallModel(goldenPath('sdxl'), folder);
    mesh = await TestMesh.start({ model, env: { LATENTMESH_REFINER: refiner } });
  });
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  it.each(ROWS.filter((row) => row.denoising_start !== null))('$case: the picture equals Diffusers’', async (row) => {
    expectSamePicture(await generatePicture(mesh, requestOf(row)), pick(pictures, row.case, 'u8'));
  });

  it('is told in the parameters, by A1111’s names', async () => {
    const { images } = await mesh.generate({ ...job, refiner: { model: 'finisher' } });
    expect(images[0]!.parameters).toContain('Refiner: finisher, Refiner switch at: 0.8');
  });

  it('goes with a ControlNet and from a picture; a larger second run is the one that it finishes', async () => {
    const image = await base64Png(tensor('u8', [64, 64, 3], pick(pictures, 'euler', 'u8').data));
    const controlled: GenerateInput = {
      ...job,
      controlnets: [{ controlnet: 'controlnet', image, preprocessor: 'none' }],
      init_image: image,
      strength: 0.9,
    };
    expect((await generatePicture(mesh, controlled)).shape).toEqual([1, 64, 64, 3]);
    const { refiner: _, ...unrefined } = job;
    const hires = { scale: 1.25, steps: 2, strength: 0.9 };
    const [larger, plain] = [
      await generatePicture(mesh, { ...job, hires }),
      await generatePicture(mesh, {
        ...unrefined,
        aesthetic_score: undefined,
        negative_aesthetic_score: undefined,
        hires,
      }),
    ];
    expect(larger.shape).toEqual([1, 80, 80, 3]);
    expect(larger).not.toEqual(plain);
  });

  it('one that would have nothing to do, or leaves nothing to the base, is refused with the number', async () => {
    for (const [denoising_start, who] of [
      [0.9999, 'refiner'],
      [0.0001, 'model'],
    ] as const) {
      await expect(mesh.generate({ ...job, refiner: { denoising_start } })).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
        message: expect.stringContaining(`leaves the ${who} none of 3 steps`),
      });
    }
    await expect(mesh.generate({ ...job, refiner: { model: 'other' } })).rejects.toMatchObject({
      code: 'UNKNOWN_MODEL',
      details: { path: 'refiner.model', known: ['finisher'] },
    });
  });
});

describe('mesh — the refiner as a model', () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start({ model: refiner });
  });
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  it('goes on with a picture as in Diffusers, by its aesthetic score', async () => {
    const row = ROWS.find(({ strength }) => strength !== undefined)!;
    const start = await loadSafetensors(goldenPath('start', 'pictures.safetensors'));
    const init_image = await base64Png(tensor('u8', [64, 64, 3], pick(start, 'init', 'u8').data));
    const request = { ...requestOf(row), init_image, strength: row.strength! };
    expectSamePicture(await generatePicture(mesh, request), pick(pictures, row.case, 'u8'));
    const { aesthetic_score: _, ...plain } = request;
    expect(await generatePicture(mesh, plain)).not.toEqual(await generatePicture(mesh, request));
  });

  it('a refiner is asked of a mesh that has none: refused, with how to start one', async () => {
    await expect(mesh.generate({ prompt: 'a cat', refiner: {} })).rejects.toMatchObject({
      code: 'UNSUPPORTED_OPTION',
      message: expect.stringContaining('--refiner'),
      details: { path: 'refiner' },
    });
  });
});
