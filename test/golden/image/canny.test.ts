/** Against OpenCV: `cv2.Canny` and `cv2.cvtColor` on three drawn pictures, exact. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { canny } from '#shared/image/canny.ts';
import { decodeImage } from '#shared/image/decode.ts';
import { toGrey } from '#shared/image/grey.ts';
import { type Picture, toRgb } from '#shared/image/picture.ts';

interface Case {
  readonly image: string;
  readonly of: 'grey' | 'colour';
  readonly low: number;
  readonly high: number;
  readonly edges: string;
  readonly edge_pixels: number;
}

const FOLDER = new URL('../data/canny/', import.meta.url);
const bytes = (name: string): Uint8Array => readFileSync(new URL(name, FOLDER));
const load = (name: string): Promise<Picture> => decodeImage(bytes(name), name);
const { cases } = JSON.parse(Buffer.from(bytes('cases.json')).toString()) as { cases: Case[] };

/** The first five pixels that differ, and how many do: what one needs to find the rule that is broken. */
function differences(got: Picture, want: Picture): { count: number; first: string[] } {
  const width = want.shape[1]!;
  const at = [...want.data.keys()].filter((i) => i % 3 === 0 && got.data[i] !== want.data[i]);
  const show = (i: number): string =>
    `y ${Math.floor(i / 3 / width)} x ${(i / 3) % width}: got ${got.data[i]}, want ${want.data[i]}`;
  return { count: at.length, first: at.slice(0, 5).map(show) };
}

describe('canny — equal to OpenCV in every pixel', () => {
  it.each(cases)('$image, $of, $low/$high', async ({ image, of, low, high, edges, edge_pixels }) => {
    const picture = await load(image);
    const got = canny(of === 'grey' ? toGrey(picture) : picture, { low, high });
    const want = await load(edges);
    expect(got.shape).toEqual(want.shape);
    expect(differences(got, want)).toEqual({ count: 0, first: [] });
    expect(got.data.filter((value) => value === 255)).toHaveLength(edge_pixels * 3);
  });
});

describe('grey — equal to OpenCV in every pixel', () => {
  it.each(['shapes', 'waves', 'noise'])('%s', async (name) => {
    const grey = toGrey(await load(`${name}.png`));
    expect(differences(toRgb(grey), await load(`${name}-grey.png`))).toEqual({ count: 0, first: [] });
  });
});
