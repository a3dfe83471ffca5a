/** Two things that befall every mesh, with numbers of their own: a rolling restart, and more load than it can bear. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { type Kind, Load, type SentJob } from './jobs.ts';

/** Numbers of a scenario by their names, and what was wrong with its jobs. */
export interface Scenario {
  readonly figures: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
}

const RESTART_LIMIT_MS = 60_000;
const OVERLOAD_MS = 15_000;

/** SIGTERM for every service, one after the other, each once the former is back. */
export async function rollingRestart(
  cluster: Cluster,
  kinds: readonly Kind[],
  { clients, calmLatenciesMs }: { readonly clients: number; readonly calmLatenciesMs: readonly number[] },
): Promise<Scenario> {
  const load = new Load(cluster, 'rolling');
  load.start(clients, kinds);
  for (const name of cluster.services) {
    const nowMs = Date.now();
    cluster.signal(name, 'SIGTERM');
    const giveUpMs = performance.now() + RESTART_LIMIT_MS;
    while (cluster.startedUnixMs(name) < nowMs && performance.now() < giveUpMs) await delay(50);
  }
  await load.finish();
  const latenciesMs = load.jobs.map(latencyMs);
  const figures = {
    jobs: load.jobs.length,
    calm_p50_ms: quantile(calmLatenciesMs, 0.5),
    calm_p99_ms: quantile(calmLatenciesMs, 0.99),
    rolling_p50_ms: quantile(latenciesMs, 0.5),
    rolling_p99_ms: quantile(latenciesMs, 0.99),
  };
  return { figures, wrong: await load.findWrong() };
}

/** As many clients as the queue has places, then three times as many: who is accepted must not wait longer, the others be told at once. */
export async function overload(cluster: Cluster, kinds: readonly Kind[]): Promise<Scenario> {
  const full = await loadFor(cluster, kinds, 'full', cluster.queue);
  const past = await loadFor(cluster, kinds, 'past', 3 * cluster.queue);
  const figures = {
    full_p50_ms: quantile(full.jobs.map(acceptedMs), 0.5),
    past_p50_ms: quantile(past.jobs.map(acceptedMs), 0.5),
    full_p95_ms: quantile(full.jobs.map(acceptedMs), 0.95),
    past_p95_ms: quantile(past.jobs.map(acceptedMs), 0.95),
    refusals: past.refusalsMs.length,
    refusal_p50_ms: quantile(past.refusalsMs, 0.5),
    refusal_p99_ms: quantile(past.refusalsMs, 0.99),
  };
  return { figures, wrong: [...(await full.findWrong()), ...(await past.findWrong())] };
}

async function loadFor(cluster: Cluster, kinds: readonly Kind[], name: string, clients: number): Promise<Load> {
  const load = new Load(cluster, name);
  load.start(clients, kinds);
  await delay(OVERLOAD_MS);
  await load.finish();
  return load;
}

function latencyMs({ sentMs, endedMs = sentMs }: SentJob): number {
  return endedMs - sentMs;
}

/** From the attempt that was accepted. */
function acceptedMs({ askedMs, endedMs = askedMs }: SentJob): number {
  return endedMs - askedMs;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
}
