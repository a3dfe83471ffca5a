import { describe, expect, it } from 'vitest';
import { PREPROCESSOR_NAMES } from '#shared/contracts/choices.ts';
import { Preprocessor } from '#shared/contracts/preprocessors.ts';
import type { Picture } from '#shared/image/picture.ts';
import { PREPROCESSORS, type PreprocessorSettings } from '#shared/image/preprocessors.ts';
import { tensor } from '#shared/tensor/tensor.ts';

const SETTINGS: PreprocessorSettings = { canny_low: 100, canny_high: 200, threshold: 127, downsampling: 4 };
const [WIDTH, HEIGHT] = [128, 96];

function draw(colourAt: (x: number, y: number) => number[]): Picture {
  const pixels = Array.from({ length: WIDTH * HEIGHT }, (_, i) => colourAt(i % WIDTH, Math.floor(i / WIDTH))).flat();
  return tensor('u8', [HEIGHT, WIDTH, 3], Uint8Array.from(pixels));
}

function pixel({ data }: Picture, x: number, y: number): number[] {
  return [...data.subarray((y * WIDTH + x) * 3, (y * WIDTH + x) * 3 + 3)];
}

/** A dark line of two pixels down white paper. */
const line = draw((x) => (x === 64 || x === 65 ? [0, 0, 0] : [255, 255, 255]));
const ramp = draw((x, y) => [x * 2, y * 2, 128]);
const make = (name: keyof typeof PREPROCESSORS, picture: Picture) => PREPROCESSORS[name](picture, SETTINGS);

describe('preprocessors — the table', () => {
  it('has the names of the contract', () => {
    expect(Object.keys(PREPROCESSORS).toSorted()).toEqual([...PREPROCESSOR_NAMES].toSorted());
  });

  it.each(PREPROCESSOR_NAMES)('%s keeps size and channels, and is the same every time', async (name) => {
    const hint = await make(name, ramp);
    expect(hint.shape).toEqual([HEIGHT, WIDTH, 3]);
    expect(await make(name, ramp)).toEqual(hint);
  });
});

describe('preprocessors — what they see', () => {
  it('scribble and soft edges are white at a dark line, and black on paper', async () => {
    for (const name of ['scribble_xdog', 'softedge_sobel'] as const) {
      const hint = await make(name, line);
      const row = Array.from({ length: WIDTH }, (_, x) => pixel(hint, x, 48)[0]!);
      expect(Math.max(...row.slice(60, 70)), name).toBeGreaterThan(200);
      expect(Math.max(...row.slice(0, 40), ...row.slice(90)), name).toBe(0);
    }
  });

  it('soft edges of a weak step are grey', async () => {
    const step = draw((x) => (x < 64 ? [100, 100, 100] : [140, 140, 140]));
    const hint = await make('softedge_sobel', step);
    const row = Array.from({ length: WIDTH }, (_, x) => pixel(hint, x, 48)[0]!);
    expect(Math.max(...row)).toBeGreaterThan(10);
    expect(Math.max(...row)).toBeLessThan(150);
  });

  it('invert, grey and threshold map levels', async () => {
    expect(pixel(await make('invert', ramp), 10, 20)).toEqual([235, 215, 127]);
    const [red, green, blue] = pixel(await make('grey', ramp), 50, 40);
    expect([red, green]).toEqual([blue, blue]);
    const cut = await make('threshold', ramp);
    expect([pixel(cut, 5, 5), pixel(cut, 120, 90)]).toEqual([
      [0, 0, 0],
      [255, 255, 255],
    ]);
  });

  it('a colour grid of a small picture has 8 cells along its shorter side', async () => {
    const grid = await make('color_grid', ramp);
    expect(pixel(grid, 1, 1)).toEqual(pixel(grid, 10, 10));
    expect(pixel(grid, 1, 1)).not.toEqual(pixel(grid, 14, 1));
  });

  it('a colour grid of a large picture has one colour for each 64 × 64', async () => {
    const [width, height] = [640, 512];
    const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i % (width * 3)) / 8);
    const { data } = await make('color_grid', tensor('u8', [height, width, 3], pixels));
    const colours = new Set(Array.from({ length: width }, (_, x) => data[x * 3]));
    expect(colours.size).toBe(width / 64);
  });

  it('a tile loses what is finer than its downsampling, and nothing at 1', async () => {
    const checks = draw((x, y) => ((x + y) % 2 === 0 ? [0, 0, 0] : [255, 255, 255]));
    expect(Math.abs(pixel(await make('tile_resample', checks), 50, 50)[0]! - 128)).toBeLessThan(30);
    expect(await PREPROCESSORS.tile_resample(checks, { ...SETTINGS, downsampling: 1 })).toEqual(checks);
  });

  it('a shuffled picture has the colours of the picture at other places', async () => {
    const shuffled = await make('shuffle', ramp);
    expect(shuffled).not.toEqual(ramp);
    expect(new Set([...shuffled.data].filter((_, i) => i % 3 === 2))).toEqual(new Set([128]));
  });
});

describe('preprocessors — their names in a request', () => {
  it.each([
    ['t2ia_color_grid', 'color_grid'],
    ['recolor_luminance', 'grey'],
    ['canny', 'canny'],
  ])('%s is %s', (name, canonical) => {
    expect(Preprocessor.parse(name)).toBe(canonical);
  });

  it.each(['openpose_full', 'depth_midas', 'lineart_anime', 'softedge_hed', 'dw_openpose_full'])(
    '%s is told to be a network, and what to do',
    (name) => {
      const { error } = Preprocessor.safeParse(name);
      expect(error!.issues[0]!.message).toMatch(/network of its own.*preprocessor "none"/);
    },
  );

  it('any other name is told what there is', () => {
    expect(Preprocessor.safeParse('cany').error!.issues[0]!.message).toMatch(/^must be one of "none", "canny"/);
  });
});
