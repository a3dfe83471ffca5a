/** What every process tells of itself as a process. Names: prometheus.io/docs/instrumenting/writing_clientlibs, "process metrics". */
import type { MetricFamily } from '#shared/contracts/metrics.ts';

/** CPU time since its start, all threads together. */
export function processMetrics(): MetricFamily[] {
  const { user, system } = process.cpuUsage();
  const value = (user + system) / 1e6;
  const help = 'CPU time of the process, all threads.';
  return [{ type: 'counter', name: 'process_cpu_seconds_total', help, points: [{ labels: {}, value }] }];
}
