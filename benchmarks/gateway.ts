/** What the gateway bears: jobs accepted over HTTP, listeners on events, cancels, and its memory after many jobs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import { requestJson } from '#shared/bus/door.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { MeshStatus } from '#shared/contracts/heartbeat.ts';
import { atLeast, atMost, type Benchmark, type Finding, type RunOptions, rounded } from './benchmark.ts';
import { HttpLoad } from './http-load.ts';
import { BenchMesh } from './local-mesh.ts';

const GOAL_PER_SECOND = 2000;
const GOAL_P99_MS = 50;
/** Of one core, for a hundred listeners. */
const GOAL_CORE_PERCENT = 5;
const GOAL_CANCEL_MS = 50;
const GOAL_GROWTH_MB = 50;

const CONNECTIONS = 64;
const LISTENERS = 1000;
const CANCELS = 50;
/** Of 10,000 jobs accepted at once all but some hundred wait. */
const JOBS = 10_000;
const MB = 1e6;
/** Ticks of /proc a second, on every Linux of today. */
const TICKS_PER_SECOND = 100;

const ENVIRONMENT = {
  LATENTMESH_DEVICE: 'simulated:h800-sdxl-fused',
  LATENTMESH_QUEUE: '1000000',
  LATENTMESH_LOG_LEVEL: 'warn',
};
/** Devices as fast as those of the profile; such that take next to no time, so that the gateway is what is busy; and such that a job lasts for minutes. */
const REAL = { ...ENVIRONMENT, LATENTMESH_TIME_SCALE: '1' };
const FAST = { ...ENVIRONMENT, LATENTMESH_TIME_SCALE: '0.00001' };
const SLOW = { ...ENVIRONMENT, LATENTMESH_TIME_SCALE: '100' };
const MODEL = join(PROJECT_FOLDER, 'models', 'pocket');
const JOB = JSON.stringify({ prompt: 'a red boat on the sea', steps: 1 });

export const gateway: Benchmark = {
  name: 'gateway',
  title: 'What a gateway bears',
  measured:
    'POST /v1/jobs by 64 connections as fast as they are answered, then at half of 2,000 a second, counted from when each was due, while jobs run on simulated devices with the times of the profile; memory of the gateway before and after 10,000 jobs that were done on devices that take no time; CPU time of the gateway with 1,000 listeners on the events of a running job, twenty a second, over that without; the answer to DELETE of a running job. Client, NATS and services share the machine',
  notMeasured: 'several gateways, clients on other machines, requests with pictures',
  run: measure,
};

interface Accepted {
  readonly perSecond: number;
  /** CPU time of the gateway for one of them, ms. */
  readonly cpuMs: number;
  readonly p99Ms: number;
  readonly refused: number;
}

interface Done {
  readonly jobs: number;
  readonly donePerSecond: number;
  readonly beforeMb: number;
  readonly afterMb: number;
}

async function measure(options: RunOptions): Promise<Finding> {
  const { perSecond, cpuMs, p99Ms, refused } = await acceptance(options);
  const { jobs, donePerSecond, beforeMb, afterMb } = await manyJobs(options);
  const { corePercent, cancelMs } = await following(options);
  return {
    table: {
      columns: ['what', 'measured'],
      rows: [
        ['jobs accepted a second', Math.round(perSecond)],
        ['CPU of the gateway to accept one, ms', rounded(cpuMs)],
        [`p99 at ${GOAL_PER_SECOND / 2} jobs a second, ms`, rounded(p99Ms)],
        ['of these refused', refused],
        ['jobs done a second, devices taking no time', Math.round(donePerSecond)],
        ['memory before, MB', Math.round(beforeMb)],
        [`memory after ${jobs} jobs, MB`, Math.round(afterMb)],
        ['CPU of 100 listeners, % of a core', rounded(corePercent)],
        ['slowest answer to a cancel, ms', rounded(cancelMs)],
      ],
    },
    goals: [
      atLeast('jobs accepted a second', GOAL_PER_SECOND, perSecond),
      atMost(`p99 at ${GOAL_PER_SECOND / 2} jobs a second`, GOAL_P99_MS, p99Ms, ' ms'),
      atMost('CPU of 100 listeners', GOAL_CORE_PERCENT, corePercent, ' % of a core'),
      atMost('answer to a cancel, worst', GOAL_CANCEL_MS, cancelMs, ' ms'),
      atMost(`growth over ${jobs} jobs`, GOAL_GROWTH_MB, afterMb - beforeMb, ' MB'),
    ],
    plot: {
      title: 'What a gateway bears',
      unit: 'jobs a second',
      bars: [{ label: 'accepted', value: perSecond }],
      goal: GOAL_PER_SECOND,
    },
    samples: { perSecond, cpuMs, p99Ms, refused, jobs, donePerSecond, beforeMb, afterMb, corePercent, cancelMs },
  };
}

async function acceptance({ isQuick, note }: RunOptions): Promise<Accepted> {
  await using mesh = await BenchMesh.start(MODEL, [], REAL);
  using load = new HttpLoad(mesh.httpUrl, CONNECTIONS);
  const accept = () => load.ask('POST', '/v1/jobs', JOB);
  const pid = await mesh.pid('gateway');
  await load.closed(isQuick ? 1000 : 5000, CONNECTIONS, accept); // warms up
  const jobs = isQuick ? 2000 : JOBS;
  const before = await cpuSeconds(pid);
  const perSecond = await load.closed(jobs, CONNECTIONS, accept);
  const cpuMs = (((await cpuSeconds(pid)) - before) / jobs) * 1000;
  note(`${Math.round(perSecond)} jobs accepted a second, ${rounded(cpuMs)} ms of CPU each`);
  const paced = await load.open(isQuick ? 1000 : 5000, GOAL_PER_SECOND / 2, accept);
  const p99Ms = percentile(
    paced.map(({ ms }) => ms),
    0.99,
  );
  note(`at ${GOAL_PER_SECOND / 2} a second, p99 ${rounded(p99Ms)} ms`);
  return { perSecond, cpuMs, p99Ms, refused: paced.filter(({ status: code }) => code !== 202).length };
}

/** Jobs from the first to the last, so that everything that could pile up has. */
async function manyJobs({ isQuick, note }: RunOptions): Promise<Done> {
  await using mesh = await BenchMesh.start(MODEL, [], FAST);
  using load = new HttpLoad(mesh.httpUrl, CONNECTIONS);
  const accept = () => load.ask('POST', '/v1/jobs', JOB);
  await load.closed(isQuick ? 200 : 2000, CONNECTIONS, accept); // warms up
  await idle(mesh);
  const beforeMb = await memoryMb(mesh);
  const jobs = isQuick ? 500 : JOBS;
  const startedMs = performance.now();
  await load.closed(jobs, CONNECTIONS, accept);
  await idle(mesh);
  const donePerSecond = jobs / ((performance.now() - startedMs) / 1000);
  const afterMb = await memoryMb(mesh);
  note(`${Math.round(donePerSecond)} jobs done a second; ${Math.round(beforeMb)} MB, then ${Math.round(afterMb)} MB`);
  return { jobs, donePerSecond, beforeMb, afterMb };
}

async function following({ isQuick, note }: RunOptions): Promise<{ corePercent: number; cancelMs: number }> {
  await using mesh = await BenchMesh.start(MODEL, [], SLOW);
  using load = new HttpLoad(mesh.httpUrl, CONNECTIONS);
  const cancelMs = await cancels(mesh, load, isQuick ? 5 : CANCELS);
  note(`cancel answered within ${rounded(cancelMs)} ms`);
  const corePercent = await listenersCost(mesh, load, isQuick ? 3000 : 10_000);
  note(`${rounded(corePercent)} % of a core for 100 listeners`);
  return { corePercent, cancelMs };
}

/** A job that lasts. @returns its name */
async function longJob(mesh: BenchMesh): Promise<string> {
  const request = { prompt: 'a red boat on the sea', steps: 150 };
  const answer = await requestJson(mesh.transport, subjects.generate, request, {
    timeoutMs: 10_000,
    headers: { prefer: 'respond-async' },
  });
  return (answer as { job: string }).job;
}

/** CPU time of the gateway with the listeners over that without, for a hundred of them, as a share of one core. */
async function listenersCost(mesh: BenchMesh, load: HttpLoad, listenMs: number): Promise<number> {
  const pid = await mesh.pid('gateway');
  const aloneSeconds = await withEvents(mesh, { pid, job: 'nobody-listens', listenMs });
  const job = await longJob(mesh);
  const leave = await Promise.all(Array.from({ length: LISTENERS }, () => load.listen(`/v1/jobs/${job}/events`)));
  const withSeconds = await withEvents(mesh, { pid, job, listenMs });
  for (const one of leave) one();
  await load.ask('DELETE', `/v1/jobs/${job}`);
  const share = (withSeconds - aloneSeconds) / (listenMs / 1000);
  return (Math.max(share, 0) * 100) / (LISTENERS / 100);
}

/** Tells events of a job at the rate of a fast one, twenty steps a second. @returns CPU time of the gateway meanwhile, seconds */
async function withEvents(
  mesh: BenchMesh,
  { pid, job, listenMs }: { readonly pid: number; readonly job: string; readonly listenMs: number },
): Promise<number> {
  const before = await cpuSeconds(pid);
  const endsMs = performance.now() + listenMs;
  for (let step = 1; performance.now() < endsMs; step++) {
    mesh.tell({ type: 'progress', job, step, steps: 1000, eta_ms: 1 });
    await delay(50);
  }
  return (await cpuSeconds(pid)) - before;
}

async function cancels(mesh: BenchMesh, load: HttpLoad, count: number): Promise<number> {
  let worstMs = 0;
  for (let i = 0; i < count; i++) {
    const job = await longJob(mesh);
    const { ms } = await load.ask('DELETE', `/v1/jobs/${job}`);
    worstMs = Math.max(worstMs, ms);
  }
  return worstMs;
}

/** Resolves when the queue is empty. */
async function idle(mesh: BenchMesh): Promise<void> {
  for (;;) {
    const { queue } = await status(mesh);
    if (queue?.jobs === 0) return;
    await delay(500);
  }
}

/** After two heartbeats: the first may have been taken before the last job ended. */
async function memoryMb(mesh: BenchMesh): Promise<number> {
  await delay(2500);
  const { instances } = await status(mesh);
  return instances.find(({ role }) => role === 'gateway')!.rss_bytes / MB;
}

async function status(mesh: BenchMesh): Promise<MeshStatus> {
  return (await requestJson(mesh.transport, subjects.status, {}, { timeoutMs: 10_000 })) as MeshStatus;
}

/** User and system time. Source: proc(5), /proc/pid/stat, fields 14 and 15. */
async function cpuSeconds(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function percentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))]!;
}
