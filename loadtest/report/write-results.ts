/** Results of the load test as files, beside those of the benchmarks: `load-<experiment>.json`, `load-<experiment>-<plot>.svg`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from '../../benchmarks/machine.ts';
import type { Experiment, LoadFinding, LoadOptions } from '../experiments/experiment.ts';
import { linePlotSvg } from './line-plot.ts';

const FOLDER = join(import.meta.dirname, '../../benchmarks/results');

/** What stands beside a finding. */
export interface Circumstances {
  readonly machine: Machine;
  readonly options: LoadOptions;
  readonly tookS: number;
  readonly date: Date;
}

/** Writes all files. @returns where the JSON is */
export async function writeResults(
  { name, title, measured, notMeasured }: Experiment,
  { tables, goals, plots, samples }: LoadFinding,
  { machine, options, tookS, date }: Circumstances,
): Promise<string> {
  await mkdir(FOLDER, { recursive: true });
  const day = date.toISOString().slice(0, 10);
  const { note: _, profile, ...settings } = options;
  const devices = `simulated:${profile.name}`;
  const what = { name, title, devices, imitates: profile.imitates, date: day, measured, notMeasured };
  const content = { ...what, tookS: Math.round(tookS), machine, settings, goals, tables, samples };
  const file = join(FOLDER, `load-${name}.json`);
  await writeFile(file, `${JSON.stringify(content, undefined, 1)}\n`);
  for (const plot of plots) {
    const note = `devices ${devices}; ${options.timeScale} real ms for each simulated one on ${machine.cores} cores; ${day}`;
    await writeFile(join(FOLDER, `load-${name}-${plot.name}.svg`), linePlotSvg(plot, note));
  }
  return file;
}
