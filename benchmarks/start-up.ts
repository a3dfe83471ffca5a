/** How long people wait before a mesh takes their first request. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PROJECT_FOLDER, readLiveState } from '#infra/mesh/state-file.ts';
import { atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { checkpoint, warmPageCache } from './checkpoints.ts';
import { DenoiserProcess } from './denoiser-process.ts';
import { median } from './statistics.ts';

const MESH_GOAL_S = 5;
const DENOISER_GOAL_S = 10;
const READY_LINE = /latentmesh is ready/;

export const startUp: Benchmark = {
  name: 'start-up',
  title: 'From the command to ready',
  measured:
    '`npm start` until its ready line: npm, nats-server and all six services on the default model; the same on a model of the size of SD 1.5; and a denoiser of that size by itself, from its process to its ready report. Files are in the page cache, code is in the compile cache',
  notMeasured: 'the first start ever, which fetches nats-server and writes the default checkpoint; disks',
  run: measure,
};

async function measure({ isQuick, note }: RunOptions): Promise<Finding> {
  const sd15 = await checkpoint('sd15');
  await warmPageCache(sd15);
  const times = isQuick ? 2 : 5;
  const rows: [string, number[]][] = [
    ['npm start, default model', await repeat(times, () => startMesh([]), note)],
    ['npm start, SD 1.5 size', await repeat(Math.min(times, 3), () => startMesh(['--model', sd15]), note)],
    ['denoiser alone, SD 1.5 size', await repeat(Math.min(times, 3), () => startDenoiser(sd15), note)],
  ];
  const medians = rows.map(([, samples]) => median(samples));
  return {
    table: {
      columns: ['what', 'median s', 'worst s'],
      rows: rows.map(([what, samples]) => [what, rounded(median(samples)), rounded(Math.max(...samples))]),
    },
    goals: [
      atMost(rows[0]![0], MESH_GOAL_S, medians[0]!, ' s'),
      atMost(rows[2]![0], DENOISER_GOAL_S, medians[2]!, ' s'),
    ],
    plot: {
      title: 'From the command to ready',
      unit: 's',
      bars: rows.map(([label], i) => ({ label, value: medians[i]! })),
    },
    samples: Object.fromEntries(rows),
  };
}

/** Once more than `times`: the first one fills the caches. @returns seconds */
async function repeat(times: number, once: () => Promise<number>, note: RunOptions['note']): Promise<number[]> {
  const seconds: number[] = [];
  for (let i = 0; i <= times; i++) {
    seconds.push((await once()) / 1000);
    note(`${rounded(seconds.at(-1)!)} s${i === 0 ? ' (not counted)' : ''}`);
  }
  return seconds.slice(1);
}

async function startMesh(args: readonly string[]): Promise<number> {
  const stateFolder = await mkdtemp(join(tmpdir(), 'latentmesh-bench-'));
  const { NATS_URL: _, ...env } = process.env;
  const startedMs = performance.now();
  const npm = spawn('npm', ['start', '--', ...args], {
    cwd: PROJECT_FOLDER,
    env: { ...env, LATENTMESH_STATE_DIR: stateFolder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = new Promise((done) => npm.once('close', done));
  for await (const line of createInterface({ input: npm.stdout })) if (READY_LINE.test(line)) break;
  const tookMs = performance.now() - startedMs;
  const state = await readLiveState(stateFolder);
  if (state) process.kill(state.pid, 'SIGTERM');
  npm.stdout.resume();
  await gone;
  await rm(stateFolder, { recursive: true, force: true });
  return tookMs;
}

async function startDenoiser(model: string): Promise<number> {
  await using denoiser = await DenoiserProcess.start(model);
  return denoiser.readyMs;
}
