/** The same prompts and seeds, sampled by Diffusers on the same weights: the recipe's stage `diffusers` leaves them in a folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeImage } from '#shared/image/decode.ts';
import type { Picture } from '#shared/image/picture.ts';
import type { Expected } from './benchmark.ts';

/** How two rows of pictures differ, in levels of 0…255. */
export interface Difference {
  readonly pictures: number;
  readonly largest: number;
  readonly mean: number;
  /** Share of pictures that differ by two levels at most, everywhere. */
  readonly within2: number;
}

/** Reads them. @throws when a picture is missing */
export function readPictures(folder: string, entries: readonly Expected[]): Promise<Picture[]> {
  return Promise.all(entries.map(async ({ seed }) => decodeImage(await readFile(join(folder, `${seed}.png`)))));
}

/** Compares them pixel by pixel. */
export function difference(ours: readonly Picture[], theirs: readonly Picture[]): Difference {
  const each = ours.map((picture, i) => levelsApart(picture, theirs[i]!));
  const mean = each.reduce((sum, one) => sum + one.mean, 0) / each.length;
  return {
    pictures: each.length,
    largest: Math.max(...each.map((one) => one.largest)),
    mean: Math.round(mean * 1e4) / 1e4,
    within2: each.filter(({ largest }) => largest <= 2).length / each.length,
  };
}

function levelsApart(a: Picture, b: Picture): { largest: number; mean: number } {
  let [largest, sum] = [0, 0];
  for (let i = 0; i < a.data.length; i++) {
    const apart = Math.abs(a.data[i]! - b.data[i]!);
    largest = Math.max(largest, apart);
    sum += apart;
  }
  return { largest, mean: sum / a.data.length };
}
