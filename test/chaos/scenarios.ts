/** Two things that befall every mesh, with numbers of their own: a rolling restart, and more load than it can bear. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { type Kind, Load, type SentJob } from './jobs.ts';
import { processHoldings } from './leaks.ts';
import { untilRecovered } from './recovery.ts';

/** Numbers of a scenario by their names, and what was wrong with its jobs. */
export interface Scenario {
  readonly figures: Readonly<Record<string, number>>;
  readonly wrong: readonly string[];
}

const CALM_MS = 15_000;
const OVERLOAD_MS = 15_000;
const NORMAL_LIMIT_MS = 15_000;

/** Every service anew by the supervisor's own rolling restart, against the same load just before. */
export async function rollingRestart(cluster: Cluster, kinds: readonly Kind[], clients: number): Promise<Scenario> {
  const calm = await loadFor(cluster, kinds, { name: 'before', clients, ms: CALM_MS });
  const load = new Load(cluster, 'rolling');
  load.start(clients, kinds);
  const startedMs = performance.now();
  await cluster.mesh.restart();
  const tookMs = performance.now() - startedMs;
  await load.finish();
  const [calmMs, rollingMs] = [calm.jobs.map(latencyMs), load.jobs.map(latencyMs)];
  const figures = {
    jobs: load.jobs.length,
    took_ms: Math.round(tookMs),
    calm_p50_ms: quantile(calmMs, 0.5),
    calm_p99_ms: quantile(calmMs, 0.99),
    rolling_p50_ms: quantile(rollingMs, 0.5),
    rolling_p99_ms: quantile(rollingMs, 0.99),
    p99_ratio: ratio(quantile(rollingMs, 0.99), quantile(calmMs, 0.99)),
  };
  return { figures, wrong: [...(await calm.findWrong()), ...(await load.findWrong())] };
}

/**
 * As many clients as the queue has places, then three times as many. In both a job is accepted into a queue with one place left, so
 * it waits for as many others: who is accepted must not wait longer, the others be told at once, and all be as before when they have gone.
 */
export async function overload(
  cluster: Cluster,
  kinds: readonly Kind[],
  { clients, calmPerSecond }: { readonly clients: number; readonly calmPerSecond: number },
): Promise<Scenario> {
  const full = await loadFor(cluster, kinds, { name: 'full', clients: cluster.queue, ms: OVERLOAD_MS });
  const before = await gatewayMib(cluster);
  const past = await loadFor(cluster, kinds, { name: 'past', clients: 3 * cluster.queue, ms: OVERLOAD_MS });
  const after = await gatewayMib(cluster);
  const normal = new Load(cluster, 'normal');
  normal.start(clients, kinds);
  const normalAfterMs = await untilRecovered(normal.endsMs, calmPerSecond, NORMAL_LIMIT_MS);
  await normal.finish();
  const [fullMs, pastMs] = [full.jobs.map(acceptedMs), past.jobs.map(acceptedMs)];
  const figures = {
    full_p50_ms: quantile(fullMs, 0.5),
    past_p50_ms: quantile(pastMs, 0.5),
    p50_ratio: ratio(quantile(pastMs, 0.5), quantile(fullMs, 0.5)),
    full_p95_ms: quantile(fullMs, 0.95),
    past_p95_ms: quantile(pastMs, 0.95),
    p95_ratio: ratio(quantile(pastMs, 0.95), quantile(fullMs, 0.95)),
    refusals: past.refusalsMs.length,
    refusal_p50_ms: quantile(past.refusalsMs, 0.5),
    refusal_p99_ms: quantile(past.refusalsMs, 0.99),
    gateway_growth_mib: after - before,
    normal_after_ms: Math.round(normalAfterMs ?? Number.POSITIVE_INFINITY),
  };
  const wrong = await Promise.all([full, past, normal].map((load) => load.findWrong()));
  return { figures, wrong: wrong.flat() };
}

async function loadFor(
  cluster: Cluster,
  kinds: readonly Kind[],
  { name, clients, ms }: { readonly name: string; readonly clients: number; readonly ms: number },
): Promise<Load> {
  const load = new Load(cluster, name);
  load.start(clients, kinds);
  await delay(ms);
  await load.finish();
  return load;
}

/** Memory of all gateways. */
async function gatewayMib(cluster: Cluster): Promise<number> {
  const gateways = cluster.services.filter((name) => name.startsWith('gateway'));
  const all = await Promise.all(gateways.map((name) => processHoldings(cluster.pid(name))));
  return all.reduce((sum, { mib }) => sum + mib, 0);
}

function ratio(one: number, other: number): number {
  return Math.round((one / Math.max(1, other)) * 100) / 100;
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
