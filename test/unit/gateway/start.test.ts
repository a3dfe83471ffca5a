/** Jobs that start from a picture, at the door. */
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeImage } from '#shared/image/decode.ts';
import type { Picture } from '#shared/image/picture.ts';
import { encodePng } from '#shared/image/png.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { ManualClock } from '#test/contract/bus/manual-clock.ts';
import type { AdmittedJob } from '../../../services/gateway/job.ts';
import { type Door, door } from './door.ts';

let atDoor: Door;
beforeAll(async () => {
  atDoor = await door(new ManualClock());
});

/** A picture of one colour, or drawn pixel by pixel. */
async function png(width: number, height: number, draw: (x: number, y: number) => number[]): Promise<string> {
  const pixels = Array.from({ length: width * height }, (_, i) => draw(i % width, Math.floor(i / width))).flat();
  return Buffer.from(await encodePng(tensor('u8', [height, width, 3], Uint8Array.from(pixels)))).toString('base64');
}

const red = (width = 96, height = 64): Promise<string> => png(width, height, () => [255, 0, 0]);
/** White inside of the rectangle. */
const rectangle = (width: number, height: number, [x0, y0, x1, y1]: number[]): Promise<string> =>
  png(width, height, (x, y) => (x >= x0! && x < x1! && y >= y0! && y < y1! ? [255, 255, 255] : [0, 0, 0]));

function admit(more: object): Promise<AdmittedJob> {
  return atDoor.admission.admit({ prompt: 'a cat', ...more });
}

async function stored(name: string): Promise<Picture> {
  return decodeImage(await atDoor.files.get(name));
}

function pixel({ shape, data }: Picture, x: number, y: number): number[] {
  const at = (y * shape[1]! + x) * 3;
  return [...data.subarray(at, at + 3)];
}

describe('start — the size of the result', () => {
  it.each<[string, object, [number, number]]>([
    ['is that of the picture', {}, [96, 64]],
    ['is what was asked for', { width: 64, height: 128 }, [64, 128]],
    ['keeps the proportions where one side is given', { width: 192 }, [192, 128]],
  ])('%s', async (_, more, [width, height]) => {
    const job = await admit({ init_image: await red(), ...more });
    expect(job).toMatchObject({ width, height, start: { strength: 0.75, resize_mode: 'stretch' } });
    expect((await stored(job.start!.image)).shape).toEqual([height, width, 3]);
  });

  it('of odd or very large pictures is one that can be made', async () => {
    expect(await admit({ init_image: await red(101, 70) })).toMatchObject({ width: 96, height: 64 });
    const { width, height } = await admit({ init_image: await red(4000, 2000) });
    expect((width % 8) + (height % 8)).toBe(0);
    expect(width * height).toBeLessThanOrEqual(2048 * 2048);
    expect(width / height).toBeCloseTo(2, 1);
  });

  it('is reached by cutting, or by continuing the edges', async () => {
    const init_image = await png(96, 64, (x) => (x < 16 || x >= 80 ? [0, 0, 255] : [255, 0, 0]));
    const cut = await stored((await admit({ init_image, width: 64, height: 64, resize_mode: 'crop' })).start!.image);
    expect(pixel(cut, 2, 32)).toEqual([255, 0, 0]);
    const continued = await stored(
      (await admit({ init_image, width: 96, height: 128, resize_mode: 'fill' })).start!.image,
    );
    expect(continued.shape).toEqual([128, 96, 3]);
    expect(pixel(continued, 2, 2)).toEqual([0, 0, 255]);
    expect(pixel(continued, 48, 2)).toEqual([255, 0, 0]);
  });
});

describe('start — masks', () => {
  it('are kept with the picture that the result is put into', async () => {
    const job = await admit({
      init_image: await red(),
      mask_image: await rectangle(96, 64, [16, 16, 48, 48]),
      mask_blur: 0,
    });
    const { mask } = job.start!;
    expect(mask).toMatchObject({ inpaint_fill: 'original', mask_invert: false, mask_blur: 0 });
    expect(mask!.around!.region).toEqual({ x: 0, y: 0, width: 96, height: 64 });
    const drawn = await stored(mask!.image);
    expect([pixel(drawn, 15, 20), pixel(drawn, 16, 20), pixel(drawn, 47, 47), pixel(drawn, 48, 47)]).toEqual([
      [0, 0, 0],
      [255, 255, 255],
      [255, 255, 255],
      [0, 0, 0],
    ]);
  });

  it('are blurred, and inverted, on demand', async () => {
    const mask_image = await rectangle(96, 64, [0, 0, 48, 64]);
    const job = await admit({ init_image: await red(), mask_image, mask_blur: 8, mask_invert: true });
    const drawn = await stored(job.start!.mask!.image);
    expect(pixel(drawn, 2, 32)[0]).toBe(0);
    expect(pixel(drawn, 93, 32)[0]).toBe(255);
    expect(pixel(drawn, 48, 32)[0]).toBeGreaterThan(100);
    expect(pixel(drawn, 48, 32)[0]).toBeLessThan(160);
  });

  it('of the same proportions are scaled', async () => {
    const mask_image = await rectangle(48, 32, [8, 8, 24, 24]);
    const job = await admit({ init_image: await red(), mask_image, mask_blur: 0 });
    expect(pixel(await stored(job.start!.mask!.image), 30, 30)).toEqual([255, 255, 255]);
  });

  it('leave the result as it is when the rest need not be kept', async () => {
    const mask_image = await rectangle(96, 64, [8, 8, 24, 24]);
    const job = await admit({ init_image: await red(), mask_image, keep_unmasked: false });
    expect(job.start!.mask!.around).toBeUndefined();
  });

  it('are filled with the colours around them', async () => {
    const init_image = await png(96, 64, (x, y) =>
      x >= 32 && x < 64 && y >= 16 && y < 48 ? [0, 255, 0] : [255, 0, 0],
    );
    const mask_image = await rectangle(96, 64, [32, 16, 64, 48]);
    const job = await admit({ init_image, mask_image, mask_blur: 0, inpaint_fill: 'fill' });
    const filled = await stored(job.start!.image);
    expect(pixel(filled, 48, 32)).toEqual([255, 0, 0]);
    expect(pixel(await stored(job.start!.mask!.around!.picture), 48, 32)).toEqual([0, 255, 0]);
  });

  it('alone are cut out with room around them, in the proportions of the job', async () => {
    const job = await admit({
      init_image: await red(400, 300),
      mask_image: await rectangle(400, 300, [180, 140, 200, 150]),
      inpaint_full_res: true,
      inpaint_full_res_padding: 10,
      width: 64,
      height: 64,
    });
    expect(job).toMatchObject({ width: 64, height: 64 });
    expect(job.start!.mask!.around!.region).toEqual({ x: 170, y: 125, width: 40, height: 40 });
    expect((await stored(job.start!.mask!.around!.picture)).shape).toEqual([300, 400, 3]);
  });
});

describe('start — beyond the edges of a picture', () => {
  it('the canvas grows, its colours are continued, and what is new is masked with a little of what is not', async () => {
    const job = await admit({ init_image: await red(), outpaint: { left: 32, bottom: 64 }, mask_blur: 4 });
    expect(job).toMatchObject({ width: 128, height: 128 });
    const [image, mask] = [await stored(job.start!.image), await stored(job.start!.mask!.image)];
    expect(pixel(image, 2, 120)).toEqual([255, 0, 0]);
    expect(pixel(mask, 2, 2)[0]).toBe(255);
    expect(pixel(mask, 120, 2)[0]).toBe(0);
    expect(pixel(mask, 33, 2)[0]).toBeGreaterThan(128);
    expect(pixel(mask, 60, 120)[0]).toBe(255);
  });

  it('a width and height are those of the whole', async () => {
    const job = await admit({ init_image: await red(), outpaint: { left: 32 }, width: 128, height: 64 });
    expect(job).toMatchObject({ width: 128, height: 64 });
  });
});

describe('start — larger, and varied', () => {
  it('hires doubles both sides unless told otherwise', async () => {
    const job = await admit({ width: 64, height: 96, steps: 10, hires: {} });
    expect(job.hires).toEqual({ width: 128, height: 192, steps: 10, strength: 0.7, upscaler: 'latent' });
    expect((await admit({ width: 64, height: 64, hires: { scale: 1.3, steps: 3 } })).hires).toMatchObject({
      width: 80,
      height: 80,
      steps: 3,
    });
  });

  it('a ControlNet gets a hint for each of the two sizes', async () => {
    const image = await red();
    const job = await admit({ width: 64, height: 64, hires: {}, controlnets: [{ controlnet: 'controlnet-a', image }] });
    expect((await stored(job.controlnets[0]!.hint)).shape).toEqual([64, 64, 3]);
    expect((await stored(job.controlnets[0]!.hires_hint!)).shape).toEqual([128, 128, 3]);
  });

  it('of a variation the seed stays and the subseed counts up', async () => {
    const job = await admit({ seed: 5, batch: 3, subseed: 7, subseed_strength: 0.25 });
    expect(job).toMatchObject({ seeds: [5, 5, 5], variation: { strength: 0.25, subseeds: [7, 8, 9] } });
    expect((await admit({ seed: 5, subseed: 7 })).warnings[0]!.field).toBe('subseed');
  });
});

describe('start — refusals', () => {
  const field = (path: string): object => ({ code: 'INVALID_REQUEST', details: { problems: [{ path }] } });

  it.each<[string, () => Promise<object>, object]>([
    ['a strength above 1', async () => ({ init_image: await red(), strength: 1.5 }), field('strength')],
    ['a strength below 0', async () => ({ init_image: await red(), strength: -0.1 }), field('strength')],
    ['a strength that leaves no step', async () => ({ init_image: await red(), strength: 0.04 }), field('strength')],
    ['a strength without a picture', async () => ({ strength: 0.5 }), field('strength')],
    ['a mask without a picture', async () => ({ mask_image: await red() }), field('mask_image')],
    ['a blur without a mask', async () => ({ init_image: await red(), mask_blur: 3 }), field('mask_blur')],
    [
      'a padding that is not used',
      async () => ({ init_image: await red(), mask_image: await red(), inpaint_full_res_padding: 3 }),
      field('inpaint_full_res_padding'),
    ],
    [
      'a picture that is none',
      async () => ({ init_image: 'bm90IGFuIGltYWdl' }),
      { code: 'INVALID_IMAGE', details: { path: 'init_image' } },
    ],
    [
      'a mask that is none',
      async () => ({ init_image: await red(), mask_image: 'eA==' }),
      { code: 'INVALID_IMAGE', details: { path: 'mask_image' } },
    ],
    [
      'a mask of other proportions',
      async () => ({ init_image: await red(), mask_image: await red(64, 64) }),
      field('mask_image'),
    ],
    [
      'a mask that is black',
      async () => ({ init_image: await red(), mask_image: await rectangle(96, 64, [0, 0, 0, 0]) }),
      field('mask_image'),
    ],
    ['hires with a picture', async () => ({ init_image: await red(), hires: {} }), field('hires')],
    [
      'hires that is no larger',
      async () => ({ width: 128, height: 128, hires: { width: 128, height: 128 } }),
      field('hires.width'),
    ],
    ['hires that is too large', async () => ({ width: 1024, height: 1024, hires: { scale: 3 } }), field('hires.scale')],
    ['hires of one side', async () => ({ hires: { width: 1024 } }), field('hires.width')],
    [
      'hires steps that the sampler cannot make',
      async () => ({ width: 64, height: 64, sampler: 'LCM', hires: { steps: 40 } }),
      { code: 'UNSUPPORTED_OPTION' },
    ],
    ['outpainting by nothing', async () => ({ init_image: await red(), outpaint: {} }), field('outpaint')],
    [
      'outpainting that leaves no room',
      async () => ({ init_image: await red(), outpaint: { left: 64 }, width: 96 }),
      field('outpaint'),
    ],
    [
      'LoRAs that would enter after the last step that is run',
      async () => ({
        init_image: await red(),
        strength: 0.5,
        lora_start: { at_step: 10 },
        loras: [{ lora: 'a-kohya' }],
      }),
      field('lora_start.at_step'),
    ],
  ])('%s', async (_, more, error) => {
    expect(await failure(admit(await more()))).toMatchObject(error);
  });
});
