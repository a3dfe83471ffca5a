/**
 * Counters and histograms of one process, each histogram's bucket with the trace of the last job that fell into it.
 * OpenTelemetry's metrics for Node have no such exemplars (docs/adr/0031-metrics-are-made-of-spans.md).
 */
import type { Exemplar, HistogramPoint, MetricFamily, NumberPoint } from '#shared/contracts/metrics.ts';
import { BOUNDS, SPAN_METRICS, type SpanMetricName } from './metric-table.ts';
import type { Measurement } from './span-metrics.ts';

/** Series of one metric beyond which new ones are not taken: labels come from a closed list, so this is never met but by a mistake. */
const MAX_SERIES = 200;

/** See the head of this file. */
export class MetricRegistry {
  readonly #numbers = new Map<SpanMetricName, Map<string, NumberPoint>>();
  readonly #histograms = new Map<SpanMetricName, Map<string, HistogramPoint>>();

  /** Takes a value; `trace_id` is remembered where it is a histogram's. */
  add({ name, labels, value }: Measurement, from: { readonly trace_id: string; readonly unix_ms: number }): void {
    const key = JSON.stringify(labels);
    if (SPAN_METRICS[name].type === 'counter') {
      const point = series(this.#numbers, name, key, () => ({ labels, value: 0 }));
      if (point) point.value += value;
      return;
    }
    const point = series(this.#histograms, name, key, () => emptyHistogram(labels));
    if (point) observe(point, { ...from, value });
  }

  /** A copy of all there is, in the order of the table; what was never met is left out. */
  read(): MetricFamily[] {
    return (Object.keys(SPAN_METRICS) as SpanMetricName[]).flatMap((name): MetricFamily[] => {
      const { type, help } = SPAN_METRICS[name];
      if (type === 'counter') {
        const points = [...(this.#numbers.get(name)?.values() ?? [])].map((point) => ({ ...point }));
        return points.length === 0 ? [] : [{ type, name, help, points }];
      }
      const points = [...(this.#histograms.get(name)?.values() ?? [])].map((point) => structuredClone(point));
      return points.length === 0 ? [] : [{ type, name, help, bounds: [...BOUNDS], points }];
    });
  }
}

function series<Point>(
  all: Map<SpanMetricName, Map<string, Point>>,
  name: SpanMetricName,
  key: string,
  create: () => Point,
): Point | undefined {
  const points = all.get(name) ?? new Map<string, Point>();
  all.set(name, points);
  const known = points.get(key);
  if (known || points.size >= MAX_SERIES) return known;
  const point = create();
  points.set(key, point);
  return point;
}

function emptyHistogram(labels: Measurement['labels']): HistogramPoint {
  const buckets = BOUNDS.length + 1;
  return { labels, counts: new Array(buckets).fill(0), sum: 0, exemplars: new Array(buckets).fill(null) };
}

function observe(point: HistogramPoint, exemplar: Exemplar): void {
  const found = BOUNDS.findIndex((bound) => exemplar.value <= bound);
  const bucket = found < 0 ? BOUNDS.length : found;
  point.counts[bucket]! += 1;
  point.sum += exemplar.value;
  point.exemplars[bucket] = exemplar;
}
