/** The results as JSON, and as the tables of the model card. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Benchmark, FOLDER, MODEL, type Score } from './benchmark.ts';
import type { Difference } from './diffusers.ts';
import type { ControlResult, LoraResult } from './measure.ts';

/** All that was measured; parts may be missing. */
export interface Results {
  readonly date?: string;
  readonly single?: Score;
  readonly pair?: Score;
  readonly diffusers?: Difference & { readonly single: Score; readonly pair: Score };
  readonly edges?: ControlResult;
  readonly layout?: ControlResult;
  /** Median of the jobs of one picture without add-ons, from acceptance to reply. */
  readonly picture_ms?: number;
  readonly loras?: Readonly<Record<string, LoraResult>>;
}

const START = '<!-- npm run eval:pocket -->';
const END = '<!-- end -->';
const RESULTS = join(FOLDER, 'results.json');

/** What was measured before; nothing when there is no file. */
export async function readResults(): Promise<Results> {
  const text = await readFile(RESULTS, 'utf8').catch(() => '{}');
  return JSON.parse(text) as Results;
}

/** Writes both. */
export async function writeReport(benchmark: Benchmark, results: Results): Promise<void> {
  await writeFile(RESULTS, `${JSON.stringify(results, null, 1)}\n`);
  const path = join(MODEL, 'README.md');
  const text = await readFile(path, 'utf8');
  const [from, to] = [text.indexOf(START), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${path} lacks the markers ${START} and ${END}.`);
  const tables = `${promptsTable(benchmark, results)}\n\n${addOnsTable(benchmark, results)}`;
  await writeFile(path, `${text.slice(0, from + START.length)}\n\n${tables}\n\n${text.slice(to)}`);
}

function promptsTable({ on_renders: { plain } }: Benchmark, { single, pair, diffusers, picture_ms }: Results): string {
  const row = (what: string, kind: 'single' | 'pair', key: string, goal: string): string[] => {
    const ours = (kind === 'single' ? single : pair)?.[key];
    return [what, percent(ours), percent(diffusers?.[kind][key]), percent(plain![kind][key]), goal];
  };
  return table(
    ['100 prompts each', 'through the mesh', 'Diffusers', 'the checker on true renders', 'goal'],
    [
      row('one object: object + colour + ground', 'single', 'all', '≥ 90 %'),
      row('two objects: both objects + both colours + ground', 'pair', 'all', '≥ 75 %'),
      row('place of one object', 'single', 'place', '≥ 90 %'),
      row('time of day, one object', 'single', 'time', '≥ 90 %'),
      row('time of day, two objects', 'pair', 'time', '≥ 90 %'),
      ['seconds a picture, in a job of its own, median', seconds(picture_ms), '–', '–', '≤ 2'],
    ],
  );
}

function addOnsTable(benchmark: Benchmark, { edges, layout, loras = {} }: Results): string {
  return table(
    ['add-on', 'what', 'with it', 'without it', 'goal'],
    [
      ...(edges ? controlRows('edges', 'F1 of edges within 2 pixels', '≥ 0.7', edges) : []),
      ...(layout ? controlRows('layout', 'share of 64 blocks in their colour, without a prompt', '', layout) : []),
      ...Object.entries(loras).flatMap(([name, result]) => loraRows(benchmark, name, result)),
    ],
  );
}

function controlRows(name: string, what: string, goal: string, result: ControlResult): string[][] {
  const { hints, match, matchWithout, score, scoreWithout } = result;
  return [
    [`\`${name}\``, `${what}, ${hints} hints`, match.toFixed(2), matchWithout.toFixed(2), goal],
    ['', 'objects + colours + ground', percent(score.all), percent(scoreWithout.all), '−5 points at most'],
  ];
}

function loraRows(benchmark: Benchmark, name: string, { pictures, score, scoreWithout }: LoraResult): string[][] {
  const [key, what] = benchmark.colourful_styles.includes(name)
    ? (['all', 'objects + colours + ground'] as const)
    : (['object', 'objects (it shows no colours)'] as const);
  return [
    [`\`${name}\``, `the checker says ${name}, ${pictures} pictures`, percent(score.style), '', '≥ 95 %'],
    ['', what, percent(score[key]), percent(scoreWithout[key]), '−10 points at most'],
  ];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function seconds(ms: number | undefined): string {
  return ms === undefined ? '–' : (ms / 1000).toFixed(2);
}

function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${Math.round(share * 1000) / 10} %`;
}
