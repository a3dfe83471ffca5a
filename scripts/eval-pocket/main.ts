/**
 * How good the pocket model is, through a running mesh: `npm run eval:pocket [-- --part PART… --diffusers FOLDER]`.
 *
 * Writes `models/pocket/evaluation/results.json`, the tables and the contact sheets of the model card. With --part (prompts,
 * edges, layout, loras; repeatable) the rest of the results stays.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Picture } from '#shared/image/picture.ts';
import { median } from '../../benchmarks/statistics.ts';
import { MODEL, readBenchmark } from './benchmark.ts';
import { Checker } from './checker.ts';
import { difference, readPictures } from './diffusers.ts';
import { type Bench, judge, type LoraResult, measureControlNet, measureLora, measurePrompts } from './measure.ts';
import { Painter } from './pictures.ts';
import { type Results, readResults, writeReport } from './report.ts';
import { writeSheet } from './sheet.ts';

const PARTS: readonly string[] = ['prompts', 'edges', 'layout', 'loras'];
const COLUMNS = 8;
const SHOWN_SINGLES = 24;
const SHOWN_PAIRS = 8;

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const { part: parts, diffusers } = parseArgs({
  options: { part: { type: 'string', multiple: true, default: [...PARTS] }, diffusers: { type: 'string' } },
}).values;
const unknown = parts.find((part) => !PARTS.includes(part));
if (unknown !== undefined) {
  say(`There is no part "${unknown}"; there are ${PARTS.join(', ')}.`);
  process.exit(2);
}

const benchmark = await readBenchmark();
await using checker = await Checker.open(benchmark.names);
await using painter = await Painter.open(benchmark, say);
const bench: Bench = { benchmark, painter, checker };
const sheet = (name: string, pictures: readonly Picture[]): Promise<void> =>
  writeSheet(join(MODEL, name), pictures, COLUMNS);

const MEASURED: Readonly<Record<string, () => Promise<Partial<Results>>>> = {
  prompts,
  edges: () => controlNet('edges'),
  layout: () => controlNet('layout'),
  loras,
};
let results = await readResults();
for (const part of parts) {
  const measured = await MEASURED[part]!();
  say(`${part} ${JSON.stringify(measured)}`);
  results = { ...results, ...measured };
}
await writeReport(benchmark, results);

async function prompts(): Promise<Partial<Results>> {
  const single = await measurePrompts(bench, 'single');
  const pair = await measurePrompts(bench, 'pair');
  await sheet('samples.png', [...single.pictures.slice(0, SHOWN_SINGLES), ...pair.pictures.slice(0, SHOWN_PAIRS)]);
  const compared = diffusers && (await againstDiffusers(diffusers, [...single.pictures, ...pair.pictures]));
  const date = new Date().toISOString().slice(0, 10);
  return { date, single: single.score, pair: pair.score, ...(compared && { diffusers: compared }) };
}

/** Hints, pictures along them, pictures without. */
async function controlNet(name: 'edges' | 'layout'): Promise<Partial<Results>> {
  const { rows, ...result } = await measureControlNet(bench, name);
  const columns = rows.slice(0, COLUMNS);
  await sheet(
    `${name}.png`,
    [0, 1, 2].flatMap((i) => columns.map((row) => row[i]!)),
  );
  return { [name]: result, picture_ms: median(painter.singleMs) };
}

/** One row of pictures for each style. */
async function loras(): Promise<Partial<Results>> {
  const found: Record<string, LoraResult> = {};
  const shown: Picture[] = [];
  for (const lora of benchmark.names.styles.slice(1)) {
    const { painted, ...result } = await measureLora(bench, lora);
    found[lora] = result;
    shown.push(...painted.slice(0, COLUMNS));
  }
  await sheet('loras.png', shown);
  return { loras: found };
}

async function againstDiffusers(folder: string, ours: readonly Picture[]): Promise<Results['diffusers']> {
  const theirs = await readPictures(folder, benchmark.prompts);
  const scoreOf = (kind: 'single' | 'pair') =>
    judge(
      bench,
      benchmark.prompts.filter((entry) => entry.kind === kind),
      theirs.filter((_, i) => benchmark.prompts[i]!.kind === kind),
    );
  return { ...difference(ours, theirs), single: await scoreOf('single'), pair: await scoreOf('pair') };
}
