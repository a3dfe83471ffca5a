/**
 * The metrics of the whole mesh, whichever gateway is asked: what each process has counted, gathered over NATS, and what the
 * gateway itself knows of instances and queue. Series are named by role and slot, so they go on when a process is replaced.
 */
import { gatherJson } from '#shared/bus/gather.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { Transport } from '#shared/bus/transport.ts';
import { type Heartbeat, Role } from '#shared/contracts/heartbeat.ts';
import { type MetricFamily, type NumberPoint, ProcessMetrics } from '#shared/contracts/metrics.ts';
import type { Directory } from '#shared/placement/directory.ts';
import { joinMetrics, type MetricsFormat, metricsText } from '#shared/telemetry/metrics-text.ts';

/** What they are made of. */
export interface MeshMetricsParts {
  readonly transport: Transport;
  readonly directory: Pick<Directory, 'instances'>;
  /** Jobs that are not done; rejects while the queue does not answer. */
  readonly queueDepth: () => Promise<number>;
}

/** Whoever does not answer in this time is left out: the others must be told in time for Prometheus, ms. */
const GATHER_TIMEOUT_MS = 1500;

/** The page for a scrape. */
export async function meshMetrics(parts: MeshMetricsParts, format: MetricsFormat): Promise<string> {
  const instances = parts.directory.instances();
  const options = { expected: instances.length, timeoutMs: GATHER_TIMEOUT_MS };
  const [answers, queue] = await Promise.all([
    gatherJson(parts.transport, subjects.metrics, options),
    queueFamilies(parts, instances),
  ]);
  const processes = answers.flatMap((answer) => ProcessMetrics.safeParse(answer).data ?? []);
  return metricsText([...queue, ...instanceFamilies(instances), ...joinMetrics(processes)], format);
}

/** Left out while the queue does not answer: a zero would be a lie. */
async function queueFamilies(parts: MeshMetricsParts, instances: readonly Heartbeat[]): Promise<MetricFamily[]> {
  const depth = await parts.queueDepth().catch(() => undefined);
  if (depth === undefined) return [];
  const gateways = instances.filter(({ role }) => role === 'gateway');
  const running = Math.min(
    depth,
    gateways.reduce((sum, { load }) => sum + load, 0),
  );
  const points = [
    { labels: { state: 'waiting' }, value: depth - running },
    { labels: { state: 'running' }, value: running },
  ];
  return [
    { type: 'gauge', name: 'latentmesh_queue_jobs', help: 'Jobs in the queue, and those taken by gateways.', points },
  ];
}

function instanceFamilies(instances: readonly Heartbeat[]): MetricFamily[] {
  const count = (role: string): number => instances.filter((one) => one.role === role && !one.leaving).length;
  const gauge = (name: string, help: string, value: (one: Heartbeat) => number | undefined): MetricFamily => ({
    type: 'gauge',
    name,
    help,
    points: instances.flatMap((one) => pointOf(one, value(one))),
  });
  const families = [
    gauge('latentmesh_load', 'Turns running and waiting; of a controlnet also its open sessions.', ({ load }) => load),
    gauge('latentmesh_capacity', 'Turns taken before MAILBOX_FULL.', ({ capacity }) => capacity),
    gauge('latentmesh_resident_bytes', 'Memory of ControlNets or LoRA sets.', (one) => one.resident_bytes),
    gauge('latentmesh_budget_bytes', 'Memory that these may take.', (one) => one.budget_bytes),
    gauge('process_resident_memory_bytes', 'Memory of the process.', ({ rss_bytes }) => rss_bytes),
    gauge('process_start_time_seconds', 'A change of it is a restart.', (one) => one.started_unix_ms / 1000),
  ];
  const roles = Role.options.map((role) => ({ labels: { role }, value: count(role) }));
  const help = 'Live instances of a role that take work.';
  return [{ type: 'gauge', name: 'latentmesh_instances', help, points: roles }, ...families];
}

function pointOf({ role, slot }: Heartbeat, value: number | undefined): NumberPoint[] {
  return value === undefined ? [] : [{ labels: { role, slot }, value }];
}
