/** A model whose UNet sees what is to be kept, by real processes. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodePng } from '#shared/image/png.ts';
import { pick, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { copyInpaintingModel } from '../golden/pipelines/inpainting-model.ts';
import { expectSamePicture } from '../golden/pipelines/same-picture.ts';
import { goldenPath, loadSafetensors } from '../golden/reference.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { TestMesh } from './mesh-kit.ts';
import { generatePicture, SMALL_JOB } from './recorded-requests.ts';

const folder = await temporaryFolder();
const { cases } = JSON.parse(readFileSync(goldenPath('start', 'cases.json'), 'utf8')) as { cases: { case: string }[] };
let mesh: TestMesh;
let numbers: TensorMap;
let init_image: string;
let mask_image: string;

beforeAll(async () => {
  numbers = await loadSafetensors(goldenPath('start', 'pictures.safetensors'));
  mesh = await TestMesh.start({ model: await copyInpaintingModel(folder) });
  const base64 = async (name: string, channels: number) => {
    const picture = tensor('u8', [64, 64, channels], pick(numbers, name, 'u8').data);
    return Buffer.from(await encodePng(picture)).toString('base64');
  };
  [init_image, mask_image] = [await base64('init', 3), await base64('mask', 1)];
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

describe('mesh — an inpainting UNet', () => {
  it('paints the masked part as Diffusers does', async () => {
    const row = 'inpainting-unet-ddim';
    expect(cases.map((one) => one.case)).toContain(row);
    const job = { ...SMALL_JOB, seed: 0, steps: 6, strength: 0.6, init_image, mask_image, mask_blur: 0 };
    const picture = await generatePicture(mesh, { ...job, keep_unmasked: false });
    expectSamePicture(picture, pick(numbers, `${row}/image_u8`, 'u8'));
  });

  it('makes whole pictures as well, and from pictures, and larger ones', async () => {
    const whole = await generatePicture(mesh, SMALL_JOB);
    expect(whole.shape).toEqual([1, 64, 64, 3]);
    expect(await generatePicture(mesh, { ...SMALL_JOB, init_image })).not.toEqual(whole);
    const larger = await generatePicture(mesh, { ...SMALL_JOB, hires: { scale: 1.5, steps: 1 } });
    expect(larger.shape).toEqual([1, 96, 96, 3]);
  });
});
