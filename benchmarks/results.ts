/** Results as files: everything in JSON, the plot as SVG. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Benchmark, Finding } from './benchmark.ts';
import type { Load, Machine } from './machine.ts';
import { plotSvg } from './svg-plot.ts';

const FOLDER = join(import.meta.dirname, 'results');

/** What stands beside a finding. */
export interface Circumstances {
  readonly machine: Machine;
  readonly load: Load;
  readonly isQuick: boolean;
  readonly date: Date;
}

/** Writes both files. @returns where the JSON is */
export async function writeResults(
  { name, title, measured, notMeasured }: Benchmark,
  finding: Finding,
  { machine, load, isQuick, date }: Circumstances,
): Promise<string> {
  await mkdir(FOLDER, { recursive: true });
  const day = date.toISOString().slice(0, 10);
  const { plot, table, goals, samples } = finding;
  const file = join(FOLDER, `${name}.json`);
  const content = { name, title, date: day, isQuick, machine, load, measured, notMeasured, goals, table, samples };
  await writeFile(file, `${JSON.stringify(content, undefined, 1)}\n`);
  const note = `${machine.cpu}, ${machine.cores} cores; onnxruntime ${machine.onnxruntime}, node ${machine.node}; ${day}`;
  await writeFile(join(FOLDER, `${name}.svg`), plotSvg(plot, note));
  return file;
}
