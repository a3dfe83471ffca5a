/** What the pocket model is measured with, as its recipe wrote it: prompts with what their pictures have to show, drawings. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { decodeImage } from '#shared/image/decode.ts';
import type { Picture } from '#shared/image/picture.ts';
import { tensor } from '#shared/tensor/tensor.ts';

/** The model's folder. */
export const MODEL = resolve(import.meta.dirname, '../../models/pocket');
export const FOLDER = join(MODEL, 'evaluation');

/** Pixels along an edge of a picture, and drawings in a row of their sheet. */
const SIDE = 128;
const COLUMNS = 8;

/** An object with its colour. */
export interface Thing {
  readonly kind: string;
  readonly colour: string;
}

/** A prompt and what its picture has to show. */
export interface Expected {
  readonly kind: 'single' | 'pair' | 'drawing';
  readonly seed: number;
  readonly prompt: string;
  /** From left to right. */
  readonly things: readonly Thing[];
  readonly ground: string;
  readonly time: string;
  /** `both` when there are two things. */
  readonly place: string;
}

/** Shares of pictures that are right, by what was asked. */
export type Score = Readonly<Record<string, number>>;

/** The file `benchmark.json`. */
export interface Benchmark {
  readonly steps: number;
  readonly guidance: number;
  readonly edge_tolerance_pixels: number;
  /** Levels of 256. */
  readonly block_tolerance: number;
  /** In the order of the checker's outputs. */
  readonly names: Readonly<Record<'objects' | 'colours' | 'grounds' | 'times' | 'styles', readonly string[]>>;
  /** The other styles show neither colours nor ground nor time. */
  readonly colourful_styles: readonly string[];
  /** Centre of a single thing, in widths of the picture. */
  readonly places: Readonly<Record<string, number>>;
  /** What the checker reads from true pictures of the prompts, by style and kind. */
  readonly on_renders: Readonly<Record<string, Readonly<Record<'single' | 'pair', Score>>>>;
  readonly prompts: readonly Expected[];
  readonly drawings: readonly Expected[];
}

/** Reads it. */
export async function readBenchmark(): Promise<Benchmark> {
  return JSON.parse(await readFile(join(FOLDER, 'benchmark.json'), 'utf8')) as Benchmark;
}

/** The pictures of a sheet of the recipe, u8 [128, 128, 3] each. */
export async function readSheet(name: string, count: number): Promise<Picture[]> {
  const sheet = await decodeImage(await readFile(join(FOLDER, name)));
  return Array.from({ length: count }, (_, i) => cut(sheet, Math.floor(i / COLUMNS) * SIDE, (i % COLUMNS) * SIDE));
}

function cut(sheet: Picture, top: number, left: number): Picture {
  const out = new Uint8Array(SIDE * SIDE * 3);
  const width = sheet.shape[1]!;
  for (let y = 0; y < SIDE; y++) {
    const from = ((top + y) * width + left) * 3;
    out.set(sheet.data.subarray(from, from + SIDE * 3), y * SIDE * 3);
  }
  return tensor('u8', [SIDE, SIDE, 3], out);
}
