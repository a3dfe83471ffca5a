/**
 * How good the pocket model is, through a running mesh: `npm run eval:pocket [-- --diffusers FOLDER]`.
 * Writes `models/pocket/evaluation/results.json`, the table and the contact sheet of the model card.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Picture } from '#shared/image/picture.ts';
import { MODEL, readBenchmark } from './benchmark.ts';
import { Checker } from './checker.ts';
import { difference, readPictures } from './diffusers.ts';
import {
  type Bench,
  judge,
  type LoraResult,
  measureEdges,
  measureLora,
  measurePrompts,
  type Painted,
} from './measure.ts';
import { Painter } from './pictures.ts';
import { type Results, writeReport } from './report.ts';
import { writeSheet } from './sheet.ts';

const COLUMNS = 8;
const SHOWN_SINGLES = 24;
const SHOWN_PAIRS = 8;

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const { diffusers } = parseArgs({ options: { diffusers: { type: 'string' } } }).values;

const benchmark = await readBenchmark();
await using checker = await Checker.open(benchmark.names);
await using painter = await Painter.open(benchmark, say);
const bench: Bench = { benchmark, painter, checker };

const single = await measurePrompts(bench, 'single');
say(`single  ${JSON.stringify(single.score)}`);
const pair = await measurePrompts(bench, 'pair');
say(`pair    ${JSON.stringify(pair.score)}`);
const { rows, ...edges } = await measureEdges(bench);
say(`edges   ${JSON.stringify(edges)}`);
const loras: Record<string, LoraResult> = {};
const styled: Record<string, readonly Picture[]> = {};
for (const lora of benchmark.names.styles.slice(1)) {
  const { painted, ...result } = await measureLora(bench, lora, { single, pair });
  loras[lora] = result;
  styled[lora] = painted;
  say(`${lora}  ${JSON.stringify(result)}`);
}
const results: Results = {
  date: new Date().toISOString().slice(0, 10),
  single: single.score,
  pair: pair.score,
  picture_ms: median(painter.singleMs),
  edges,
  loras,
  ...(diffusers && { diffusers: await againstDiffusers(diffusers, { single, pair }) }),
};
await writeReport(benchmark, results);
const shown = [...single.pictures.slice(0, SHOWN_SINGLES), ...pair.pictures.slice(0, SHOWN_PAIRS)];
await writeSheet(join(MODEL, 'samples.png'), shown, COLUMNS);
const guided = rows.slice(0, COLUMNS);
const columns = [...[0, 1].map((i) => guided.map((row) => row[i]!)), ...Object.values(styled)];
const addOns = columns.flatMap((column) => column.slice(0, COLUMNS));
await writeSheet(join(MODEL, 'add-ons.png'), addOns, COLUMNS);
say(`Written: results.json, README.md, samples.png, add-ons.png in ${MODEL}`);

async function againstDiffusers(folder: string, plain: Readonly<Record<'single' | 'pair', Painted>>) {
  const theirs = await readPictures(folder, benchmark.prompts);
  const scoreOf = (kind: 'single' | 'pair') => {
    const entries = benchmark.prompts.filter((entry) => entry.kind === kind);
    const pictures = theirs.filter((_, i) => benchmark.prompts[i]!.kind === kind);
    return judge(bench, entries, pictures);
  };
  const apart = difference([...plain.single.pictures, ...plain.pair.pictures], theirs);
  return { ...apart, single: await scoreOf('single'), pair: await scoreOf('pair') };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}
