/** What is measured: prompts alone, along hints, in each style. */
import { canny } from '#shared/image/canny.ts';
import type { Picture } from '#shared/image/picture.ts';
import { type Benchmark, type Expected, readSheet, type Score } from './benchmark.ts';
import { blocksNear } from './blocks.ts';
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
export interface ControlResult {
  readonly hints: number;
  /** Mean likeness to the hint: F1 of the edges, or the share of blocks in their colour. */
  readonly match: number;
  readonly matchWithout: number;
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

/** The ControlNets: where their hints are, how like a hint a picture is, and whether it has to be without words to go by. */
const CONTROLNETS = {
  edges: {
    sheet: 'drawings.png',
    match: (hint: Picture, made: Picture, { edge_tolerance_pixels }: Benchmark) =>
      edgeF1(hint, canny(made), edge_tolerance_pixels),
    isWordless: false,
  },
  layout: {
    sheet: 'layouts.png',
    match: (hint: Picture, made: Picture, { block_tolerance }: Benchmark) => blocksNear(hint, made, block_tolerance),
    // The words of a prompt decide most of its colours.
    isWordless: true,
  },
} as const;

/** Along hints, and the same prompts without them. */
export async function measureControlNet(
  bench: Bench,
  controlnet: keyof typeof CONTROLNETS,
): Promise<ControlResult & { readonly rows: readonly Picture[][] }> {
  const { sheet, match, isWordless } = CONTROLNETS[controlnet];
  const { drawings: entries } = bench.benchmark;
  const hints = await readSheet(sheet, entries.length);
  const paint = async (prompted: readonly Expected[]) => ({
    made: await bench.painter.paintAlong(hints, controlnet, prompted),
    free: await bench.painter.paintSingly(prompted),
  });
  const { made, free } = await paint(entries);
  const compared = isWordless ? await paint(entries.map((entry) => ({ ...entry, prompt: '' }))) : { made, free };
  const likeness = (pictures: readonly Picture[]): number =>
    mean(pictures.map((picture, i) => match(hints[i]!, picture, bench.benchmark)));
  return {
    hints: entries.length,
    match: likeness(compared.made),
    matchWithout: likeness(compared.free),
    score: await judge(bench, entries, made),
    scoreWithout: await judge(bench, entries, free),
    rows: entries.map((_, i) => [hints[i]!, compared.made[i]!, compared.free[i]!]),
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
