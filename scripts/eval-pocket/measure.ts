/** What is measured: prompts alone, along drawings, in each style. */
import { canny } from '#shared/image/canny.ts';
import type { Picture } from '#shared/image/picture.ts';
import { type Benchmark, type Expected, readDrawings, type Score } from './benchmark.ts';
import type { Checker } from './checker.ts';
import { edgeF1 } from './edge-f1.ts';
import type { Painter } from './pictures.ts';
import { compare, type Reading, score } from './reading.ts';

/** Pictures of one kind with what was read from them. */
export interface Painted {
  readonly pictures: readonly Picture[];
  readonly score: Score;
}

/** A ControlNet against none, on the same prompts and seeds. */
export interface EdgesResult {
  readonly drawings: number;
  /** Mean F1 of the pictures' edges to the drawing's. */
  readonly f1: number;
  readonly f1Without: number;
  readonly score: Score;
  readonly scoreWithout: Score;
}

/** A LoRA against none, on the same prompts and seeds. */
export interface LoraResult {
  readonly pictures: number;
  readonly score: Score;
  readonly scoreWithout: Score;
}

/** Who paints, who reads, and what is expected. */
export interface Bench {
  readonly benchmark: Benchmark;
  readonly painter: Painter;
  readonly checker: Checker;
}

/** LoRAs are measured on so many prompts of each kind. */
const STYLED_OF_A_KIND = 30;
const PLAIN = 'plain';

/** Reads pictures and compares them with what was expected. */
export async function judge(bench: Bench, entries: readonly Expected[], pictures: readonly Picture[], style = PLAIN) {
  const readings: Reading[] = [];
  for (const picture of pictures) readings.push(await bench.checker.read(picture));
  const results = entries.map((entry, i) => ({
    ...compare(entry, readings[i]!, bench.benchmark.places),
    style: readings[i]!.style === style,
  }));
  return score(results);
}

/** Prompts of one kind, as they are. */
export async function measurePrompts(bench: Bench, kind: Expected['kind']): Promise<Painted> {
  const entries = bench.benchmark.prompts.filter((entry) => entry.kind === kind);
  const pictures = await bench.painter.paintPlain(entries);
  return { pictures, score: await judge(bench, entries, pictures) };
}

/** Along drawings, and the same prompts without them. */
export async function measureEdges(bench: Bench): Promise<EdgesResult & { readonly rows: readonly Picture[][] }> {
  const { drawings: entries, edge_tolerance_pixels: tolerance } = bench.benchmark;
  const drawings = await readDrawings(entries.length);
  const made = await bench.painter.paintAlone(entries, drawings);
  const free = await bench.painter.paintAlone(entries);
  const meanF1 = (pictures: readonly Picture[]): number =>
    mean(pictures.map((picture, i) => edgeF1(drawings[i]!, canny(picture), tolerance)));
  return {
    drawings: entries.length,
    f1: meanF1(made),
    f1Without: meanF1(free),
    score: await judge(bench, entries, made),
    scoreWithout: await judge(bench, entries, free),
    rows: entries.map((_, i) => [drawings[i]!, made[i]!, free[i]!]),
  };
}

/** In one style, and the same prompts without it. */
export async function measureLora(
  bench: Bench,
  lora: string,
): Promise<LoraResult & { readonly painted: readonly Picture[] }> {
  const of = (kind: 'single' | 'pair'): Expected[] =>
    bench.benchmark.prompts.filter((entry) => entry.kind === kind).slice(0, STYLED_OF_A_KIND);
  const entries = [...of('single'), ...of('pair')];
  const painted = await bench.painter.paint(entries, { loras: [{ lora, weight: 1 }] });
  const without = await bench.painter.paintPlain(entries);
  return {
    pictures: entries.length,
    score: await judge(bench, entries, painted, lora),
    scoreWithout: await judge(bench, entries, without),
    painted,
  };
}

function mean(numbers: readonly number[]): number {
  return Math.round((numbers.reduce((sum, one) => sum + one, 0) / numbers.length) * 1000) / 1000;
}
