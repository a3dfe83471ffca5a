/** What a run has shown: lines while it runs, and files beside the benchmarks'. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import { describeMachine } from '../../benchmarks/machine.ts';
import { plotSvg } from '../../benchmarks/svg-plot.ts';

/** One fault that befell the mesh. */
export interface Struck {
  readonly fault: string;
  readonly what: string;
  readonly lastedMs: number;
  /** From its end until the calm rate was there again; null: not in time. */
  readonly recoveryMs: number | null;
}

/** See the head of this file. */
export interface ChaosReport {
  readonly seed: number;
  readonly minutes: number;
  readonly calmPerSecond: number;
  readonly jobs: number;
  readonly struck: readonly Struck[];
  readonly rolling: Readonly<Record<string, number>>;
  readonly overload: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
  readonly leaks: readonly string[];
}

/** Goal for each single fault, ms. */
const RECOVERY_GOAL_MS = 5000;

/** A line for people. */
export function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Tells the outcome, and writes it down when asked to. @returns the exit status */
export async function writeReport(report: ChaosReport, isWritten: boolean): Promise<number> {
  const { struck, wrong, leaks } = report;
  const late = struck.filter(({ recoveryMs }) => recoveryMs === null || recoveryMs > RECOVERY_GOAL_MS);
  tell(
    `${struck.length} faults, ${report.jobs} jobs; wrong: ${wrong.length}; leaks: ${leaks.length}; recovered too late: ${late.length}`,
  );
  tell(`rolling restart ${JSON.stringify(report.rolling)}\noverload ${JSON.stringify(report.overload)}`);
  for (const line of [...wrong, ...leaks]) tell(`  ${line}`);
  for (const { fault, what, recoveryMs } of late) tell(`  late: ${fault} ${what}: ${recoveryMs ?? 'never'}`);
  if (isWritten) await writeFiles(report);
  return wrong.length + leaks.length + late.length === 0 ? 0 : 1;
}

async function writeFiles(report: ChaosReport): Promise<void> {
  const folder = join(PROJECT_FOLDER, 'benchmarks', 'results');
  await mkdir(folder, { recursive: true });
  const machine = await describeMachine();
  const date = new Date().toISOString().slice(0, 10);
  await writeFile(
    join(folder, 'chaos.json'),
    `${JSON.stringify({ name: 'chaos', date, machine, ...report }, undefined, 1)}\n`,
  );
  const names = [...new Set(report.struck.map(({ fault }) => fault))];
  const bars = names.map((name) => {
    const all = report.struck.filter(({ fault }) => fault === name);
    const worst = Math.max(...all.map(({ recoveryMs }) => recoveryMs ?? Number.NaN));
    return { label: `${name} (${all.length})`, value: worst / 1000 };
  });
  const title = 'Longest time until the calm throughput was there again, after each kind of fault';
  const plot = { title, unit: 's', bars, goal: RECOVERY_GOAL_MS / 1000 };
  await writeFile(
    join(folder, 'chaos.svg'),
    plotSvg(
      plot,
      `${report.struck.length} faults, seed ${report.seed}; ${machine.cpu}, ${machine.cores} cores; ${date}`,
    ),
  );
}
