/**
 * Metrics as text, in the two forms that Prometheus reads: its own, and OpenMetrics, which has exemplars.
 * Source: prometheus.io/docs/instrumenting/exposition_formats, github.com/prometheus/OpenMetrics (1.0).
 */
import type { Exemplar, HistogramPoint, MetricFamily, ProcessMetrics } from '#shared/contracts/metrics.ts';

/** Which form. */
export type MetricsFormat = 'prometheus' | 'openmetrics';

/** By form: what the header `content-type` says. */
export const METRICS_CONTENT_TYPE: Readonly<Record<MetricsFormat, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** One list out of many processes: families of one name together, each point with the role and the slot that it is of. */
export function joinMetrics(processes: readonly ProcessMetrics[]): MetricFamily[] {
  const joined = new Map<string, MetricFamily>();
  for (const { role, slot, families } of processes) {
    for (const family of families) {
      const known = joined.get(family.name) ?? { ...family, points: [] };
      joined.set(family.name, known);
      // A process of another version may mean something else by the name.
      if (known.type !== family.type) continue;
      const points: object[] = family.points.map((point) => ({ ...point, labels: { role, slot, ...point.labels } }));
      (known.points as object[]).push(...points);
    }
  }
  return [...joined.values()];
}

/** The whole page. */
export function metricsText(families: readonly MetricFamily[], format: MetricsFormat): string {
  const lines = families.flatMap((family) => familyLines(family, format));
  return [...lines, ...(format === 'openmetrics' ? ['# EOF'] : []), ''].join('\n');
}

function familyLines(family: MetricFamily, format: MetricsFormat): string[] {
  // OpenMetrics names the family, Prometheus the sample.
  const name = format === 'openmetrics' ? family.name.replace(/_total$/, '') : family.name;
  const head = [`# HELP ${name} ${family.help}`, `# TYPE ${name} ${family.type}`];
  if (family.type !== 'histogram') {
    return [...head, ...family.points.map(({ labels, value }) => `${family.name}${labelText(labels)} ${value}`)];
  }
  return [...head, ...family.points.flatMap((point) => histogramLines({ ...family, point }, format))];
}

function histogramLines(
  { name, bounds, point }: { name: string; bounds: readonly number[]; point: HistogramPoint },
  format: MetricsFormat,
): string[] {
  let count = 0;
  const buckets = point.counts.map((added, i) => {
    count += added;
    const le = i < bounds.length ? openMetricsNumber(bounds[i]!) : '+Inf';
    const exemplar = format === 'openmetrics' ? exemplarText(point.exemplars[i]) : '';
    return `${name}_bucket${labelText({ ...point.labels, le })} ${count}${exemplar}`;
  });
  const labels = labelText(point.labels);
  return [...buckets, `${name}_count${labels} ${count}`, `${name}_sum${labels} ${point.sum}`];
}

function exemplarText(exemplar: Exemplar | null | undefined): string {
  if (!exemplar) return '';
  return ` # ${labelText({ trace_id: exemplar.trace_id })} ${exemplar.value} ${exemplar.unix_ms / 1000}`;
}

/** `1` is written `1.0` there, so that a bound is the same text everywhere. */
function openMetricsNumber(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : `${value}`;
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const entries = Object.entries(labels);
  if (entries.length === 0) return '';
  return `{${entries.map(([name, value]) => `${name}="${escaped(value)}"`).join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
