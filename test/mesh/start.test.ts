/** Pictures that start from pictures, by real processes: equal to Diffusers' where it makes them, and what is only ours. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { parseInfotext } from '#shared/image/parse-infotext.ts';
import { pick, type Tensor, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { type PipelineCase, SAMPLER_LABELS } from '../golden/pipelines/cases.ts';
import { expectSamePicture } from '../golden/pipelines/same-picture.ts';
import { goldenPath, loadSafetensors } from '../golden/reference.ts';
import { TestMesh } from './mesh-kit.ts';
import { base64Png, expectPictures, generatePicture, pictureOf, SMALL_JOB, unitOf } from './recorded-requests.ts';

type StartCase = Omit<PipelineCase, 'clip_skip' | 'loras' | 'guess_mode'> & { strength: number; mask: boolean };

const ROWS = ['img2img-dpmpp_2m_karras', 'img2img-two-seeds', 'img2img-controlnet', 'inpaint-whole-euler_ancestral'];
const { cases } = JSON.parse(readFileSync(goldenPath('start', 'cases.json'), 'utf8')) as { cases: StartCase[] };

let mesh: TestMesh;
let numbers: TensorMap;
let init_image: string;
let mask_image: string;

beforeAll(async () => {
  [mesh, numbers] = await Promise.all([TestMesh.start(), loadSafetensors(goldenPath('start', 'pictures.safetensors'))]);
  init_image = await base64Png(pick(numbers, 'init', 'u8'));
  mask_image = await base64Png(tensor('u8', [64, 64, 1], pick(numbers, 'mask', 'u8').data));
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

async function requestOf(row: StartCase): Promise<GenerateInput> {
  const controlnets = row.controlnets.map((unit) => unitOf(unit, pick(numbers, unit.image, 'u8')));
  return {
    prompt: row.prompt,
    ...{ width: row.width, height: row.height, steps: row.steps, strength: row.strength, seed: row.seeds },
    guidance_scale: row.guidance_scale,
    sampler: SAMPLER_LABELS[row.scheduler]!,
    init_image,
    ...(row.mask && { mask_image, mask_blur: 0, keep_unmasked: false }),
    controlnets: await Promise.all(controlnets),
  };
}

/** Values of one pixel of u8 [1, H, W, 3]. */
function pixel({ shape, data }: Tensor<'u8'>, x: number, y: number): number[] {
  const at = (y * shape[2]! + x) * 3;
  return [...data.subarray(at, at + 3)];
}

describe('mesh — pictures from pictures equal Diffusers', () => {
  it.each(cases.filter((row) => ROWS.includes(row.case)))('$case', async (row) => {
    const reply = await mesh.generate(await requestOf(row));
    await expectPictures(mesh, reply, pick(numbers, `${row.case}/image_u8`, 'u8'));
  });
});

describe('mesh — a part painted anew', () => {
  it('leaves every other pixel as it was, and tells how it was made', async () => {
    const reply = await mesh.generate({ ...SMALL_JOB, init_image, mask_image, mask_blur: 2, strength: 0.9, steps: 4 });
    const picture = await pictureOf(mesh, reply);
    const init = tensor('u8', [1, 64, 64, 3], pick(numbers, 'init', 'u8').data);
    for (const [x, y] of [
      [0, 0],
      [10, 30],
      [63, 20],
      [40, 60],
    ] as const)
      expect(pixel(picture, x, y)).toEqual(pixel(init, x, y));
    expect(pixel(picture, 40, 30)).not.toEqual(pixel(init, 40, 30));
    const { denoisingStrength, extra } = parseInfotext(reply.images[0]!.parameters);
    expect(denoisingStrength).toBe(0.9);
    expect(extra).toMatchObject({ 'Mask blur': '2', 'Masked content': 'original' });
  });

  it.each(['fill', 'latent_noise', 'latent_nothing'] as const)(
    'may begin with %s under the mask',
    async (inpaint_fill) => {
      const masked = { ...SMALL_JOB, init_image, mask_image, strength: 0.7 };
      const other = await generatePicture(mesh, { ...masked, inpaint_fill });
      expect(other).not.toEqual(await generatePicture(mesh, masked));
    },
  );

  it('alone comes back at its place in a picture of another size', async () => {
    const pixels = Uint8Array.from({ length: 120 * 100 * 3 }, (_, i) => (i * 7) % 256);
    const picture = tensor('u8', [100, 120, 3], pixels);
    const mask = tensor(
      'u8',
      [100, 120, 1],
      Uint8Array.from({ length: 12_000 }, (_, i) => (i % 120 > 70 && i > 7200 ? 255 : 0)),
    );
    const reply = await mesh.generate({
      ...SMALL_JOB,
      init_image: await base64Png(picture),
      mask_image: await base64Png(mask),
      inpaint_full_res: true,
      mask_blur: 0,
    });
    expect(reply.images[0]).toMatchObject({ width: 120, height: 100 });
    const got = await pictureOf(mesh, reply);
    expect(pixel(got, 10, 10)).toEqual([...pixels.slice((10 * 120 + 10) * 3, (10 * 120 + 10) * 3 + 3)]);
    expect(pixel(got, 100, 80)).not.toEqual([...pixels.slice((80 * 120 + 100) * 3, (80 * 120 + 100) * 3 + 3)]);
    expect(reply.images[0]!.parameters).toContain('Inpaint area: Only masked, Masked area padding: 32');
  });

  it('may lie beyond the edges', async () => {
    const { width: _, height: __, ...job } = SMALL_JOB;
    const reply = await mesh.generate({ ...job, init_image, outpaint: { right: 64 }, mask_blur: 2, strength: 1 });
    const got = await pictureOf(mesh, reply);
    expect(got.shape).toEqual([1, 64, 128, 3]);
    const init = tensor('u8', [1, 64, 64, 3], pick(numbers, 'init', 'u8').data);
    expect(pixel(got, 5, 5)).toEqual(pixel(init, 5, 5));
  });
});

describe('mesh — a second, larger run', () => {
  it.each(['latent', 'lanczos'] as const)('by %s counts on where the first ends', async (upscaler) => {
    const job = `larger-${upscaler}`;
    const steps: string[] = [];
    const done = mesh.event(job, (event) => {
      if (event.type === 'progress') steps.push(`${event.step}/${event.steps}`);
      return event.type === 'done';
    });
    const reply = await mesh.generate({ ...SMALL_JOB, job, hires: { scale: 1.5, steps: 2, strength: 0.5, upscaler } });
    await done;
    expect(reply.images[0]).toMatchObject({ width: 96, height: 96 });
    expect((await pictureOf(mesh, reply)).shape).toEqual([1, 96, 96, 3]);
    expect(steps).toEqual(['1/5', '2/5', '3/5', '4/5', '5/5']);
    const { extra, denoisingStrength } = parseInfotext(reply.images[0]!.parameters);
    expect(denoisingStrength).toBe(0.5);
    expect(extra).toMatchObject({
      'Hires upscale': '1.5',
      'Hires steps': '2',
      'Hires upscaler': upscaler === 'latent' ? 'Latent' : 'Lanczos',
    });
  });
});

describe('mesh — variations', () => {
  it('lie between the pictures of two seeds', async () => {
    const [of3, of9] = [await generatePicture(mesh, SMALL_JOB), await generatePicture(mesh, { ...SMALL_JOB, seed: 9 })];
    const vary = (subseed_strength: number) => generatePicture(mesh, { ...SMALL_JOB, subseed: 9, subseed_strength });
    expect(await vary(0)).toEqual(of3);
    expectSamePicture(await vary(1), of9);
    const between = await vary(0.5);
    expect(between).not.toEqual(of3);
    expect(between).not.toEqual(of9);
  });
});
