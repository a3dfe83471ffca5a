/** The results as JSON, and as the table of the model card. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Benchmark, FOLDER, MODEL, type Score } from './benchmark.ts';
import type { Difference } from './diffusers.ts';
import type { EdgesResult, LoraResult } from './measure.ts';

/** All that was measured. */
export interface Results {
  readonly date: string;
  readonly single: Score;
  readonly pair: Score;
  /** Median of the jobs of one picture, from acceptance to reply. */
  readonly picture_ms: number;
  readonly edges: EdgesResult;
  readonly loras: Readonly<Record<string, LoraResult>>;
  readonly diffusers?: Difference & { readonly single: Score; readonly pair: Score };
}

const START = '<!-- npm run eval:pocket -->';
const END = '<!-- end -->';
const RESULTS = join(FOLDER, 'results.json');

/** Writes both. */
export async function writeReport(benchmark: Benchmark, results: Results): Promise<void> {
  await writeFile(RESULTS, `${JSON.stringify(results, null, 1)}\n`);
  const path = join(MODEL, 'README.md');
  const text = await readFile(path, 'utf8');
  const [from, to] = [text.indexOf(START), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${path} lacks the markers ${START} and ${END}.`);
  await writeFile(path, `${text.slice(0, from + START.length)}\n\n${tableOf(benchmark, results)}\n\n${text.slice(to)}`);
}

/** Markdown. */
export function tableOf(benchmark: Benchmark, results: Results): string {
  const { single, pair, edges, diffusers } = results;
  const renders = benchmark.on_renders.plain!;
  const rows = [
    ['one object: object + colour + ground', single.all, renders.single.all, diffusers?.single.all, '≥ 90 %'],
    ['two objects: both objects + both colours + ground', pair.all, renders.pair.all, diffusers?.pair.all, '≥ 75 %'],
    ['place of one object', single.place, renders.single.place, diffusers?.single.place, '≥ 90 %'],
    ['time of day, one object', single.time, renders.single.time, diffusers?.single.time, '≥ 90 %'],
    ['time of day, two objects', pair.time, renders.pair.time, diffusers?.pair.time, '≥ 90 %'],
  ] as const;
  const prompts = table(
    ['what', 'through the mesh', 'Diffusers', 'the checker on true renders', 'goal'],
    rows.map(([what, ours, ceiling, theirs, goal]) => [what, percent(ours), percent(theirs), percent(ceiling), goal]),
  );
  const added = table(
    ['add-on', 'what', 'with it', 'without', 'goal'],
    [
      ['`edges`', `F1 of edges, ${edges.drawings} drawings`, edges.f1.toFixed(2), edges.f1Without.toFixed(2), '≥ 0.7'],
      ['', 'objects + colours + ground', percent(edges.score.all), percent(edges.scoreWithout.all), '−5 points'],
      ...Object.entries(results.loras).flatMap(([name, lora]) => loraRows(benchmark, name, lora)),
    ],
  );
  return `${prompts}\n\n${added}`;
}

function loraRows(benchmark: Benchmark, name: string, { pictures, score, scoreWithout }: LoraResult): string[][] {
  const [key, what] = benchmark.colourful_styles.includes(name)
    ? (['all', 'objects + colours + ground'] as const)
    : (['object', 'objects; it has one colour'] as const);
  return [
    [`\`${name}\``, `the checker says ${name}, ${pictures} pictures`, percent(score.style), '', '≥ 95 %'],
    ['', what, percent(score[key]), percent(scoreWithout[key]), '−10 points'],
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${Math.round(share * 1000) / 10} %`;
}
