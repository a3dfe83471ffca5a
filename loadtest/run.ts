/**
 * `npm run load`: what the mesh does under load, on devices that imitate others by waiting. Writes what it found to
 * `benchmarks/results/load-*`.
 */
import { styleText } from 'node:util';
import { describeMachine } from '../benchmarks/machine.ts';
import { goalsTable, tableText } from '../benchmarks/table.ts';
import { parseCommandLine, usage } from './command-line.ts';
import { alone } from './experiments/alone.ts';
import { efficiency } from './experiments/efficiency.ts';
import type { Experiment, LoadOptions } from './experiments/experiment.ts';
import { load } from './experiments/load.ts';
import { scale } from './experiments/scale.ts';
import { sharing } from './experiments/sharing.ts';
import { writeResults } from './report/write-results.ts';

const EXPERIMENTS: readonly Experiment[] = [alone, efficiency, load, sharing, scale];
const NAMES = EXPERIMENTS.map(({ name }) => name);

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const note = (text: string): void => void process.stderr.write(`… ${text}\n`);

async function perform(experiment: Experiment, options: LoadOptions): Promise<void> {
  const { title, measured, notMeasured } = experiment;
  say(`\n${styleText('bold', title)}\nmeasured: ${measured}\nnot measured: ${notMeasured}`);
  const startedMs = performance.now();
  const finding = await experiment.run(options);
  const tookS = (performance.now() - startedMs) / 1000;
  for (const { title: heading, ...table } of finding.tables) say(`\n${heading}\n${tableText(table)}`);
  say(`\n${tableText(goalsTable(finding.goals))}`);
  if (options.isQuick) return say(`\n${Math.round(tookS)} s; a quick run is not written down`);
  const machine = await describeMachine();
  const file = await writeResults(experiment, finding, { machine, options, tookS, date: new Date() });
  say(`\n${Math.round(tookS)} s; written to ${file}`);
}

const { only, isHelp, options } = parseCommandLine(process.argv.slice(2));
const unknown = only.find((name) => !NAMES.includes(name));
if (isHelp || unknown !== undefined) {
  say(unknown === undefined ? usage(NAMES) : `There is no experiment "${unknown}".\n\n${usage(NAMES)}`);
  process.exit(isHelp ? 0 : 2);
}
say(`All devices are simulated:${options.profile.name}, ${options.profile.imitates}: they wait and compute nothing.`);
for (const experiment of EXPERIMENTS) {
  if (only.length === 0 || only.includes(experiment.name)) await perform(experiment, { ...options, note });
}
