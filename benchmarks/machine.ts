/** Where and on what something was measured. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import { findNatsServer } from '#infra/nats/find-server.ts';
import { VERSION } from '#shared/service/version.ts';
import { sum } from './statistics.ts';

/** See the head of this file. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly onnxruntime: string;
  readonly natsServer: string;
  readonly latentmesh: string;
}

/** What else the machine did just before. */
export interface Load {
  /** Share of all cores that was busy, 0 … 1, over one second. */
  readonly busy: number;
  /** Mean number of running processes over the last minute, as the system counts it. */
  readonly average: number;
}

/** Below this the machine counts as quiet. */
const QUIET_BUSY = 0.05;
const LOOK_MS = 1000;

export async function describeMachine(): Promise<Machine> {
  const run = promisify(execFile);
  const { stdout } = await run(await findNatsServer(), ['--version']);
  return {
    cpu: cpus()[0]!.model,
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    onnxruntime: await packageVersion('onnxruntime-node'),
    natsServer: stdout.trim().replace(/^nats-server: /, ''),
    latentmesh: VERSION,
  };
}

/** Waits until the machine has been idle for a second, at most `patienceMs`. @returns what it was doing in the last one */
export async function waitForQuiet(patienceMs: number): Promise<Load> {
  const giveUpMs = performance.now() + patienceMs;
  for (;;) {
    const busy = await busyShare(LOOK_MS);
    if (busy <= QUIET_BUSY || performance.now() > giveUpMs) return { busy, average: loadavg()[0]! };
  }
}

async function busyShare(spanMs: number): Promise<number> {
  const before = coreTimes();
  await delay(spanMs);
  const after = coreTimes();
  const all = after.all - before.all;
  return all === 0 ? 0 : 1 - (after.idle - before.idle) / all;
}

function coreTimes(): { idle: number; all: number } {
  const times = cpus().map((core) => core.times);
  return { idle: sum(times.map((core) => core.idle)), all: sum(times.flatMap((core) => Object.values(core))) };
}

async function packageVersion(name: string): Promise<string> {
  const manifest = await readFile(join(PROJECT_FOLDER, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
