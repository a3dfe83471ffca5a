/** A trace as HTTP shows it: times in milliseconds since the first span began. */
import type { SpanRecord } from '#shared/contracts/span.ts';
import { whySlow } from '#shared/telemetry/why-slow.ts';

const NANOS_PER_MS = 1_000_000;

/** Spans in the order in which they began. */
export function traceView(traceId: string, spans: readonly SpanRecord[]): object {
  const firstNano = spans.map(({ startUnixNano }) => BigInt(startUnixNano)).reduce(least, 0n);
  const sinceMs = (unixNano: string): number => Number(BigInt(unixNano) - firstNano) / NANOS_PER_MS;
  const views = spans.map(({ name, service, instance, startUnixNano, endUnixNano, attributes, error, ...ids }) => ({
    id: ids.spanId,
    parent: ids.parentSpanId ?? null,
    name,
    service,
    instance,
    start_ms: sinceMs(startUnixNano),
    end_ms: sinceMs(endUnixNano),
    attributes,
    ...(error !== undefined && { error }),
  }));
  const why = whySlow(spans);
  return {
    trace_id: traceId,
    start_unix_ms: Number(firstNano / BigInt(NANOS_PER_MS)),
    ...(why && { why: { text: why.text, total_ms: why.totalMs, shares: why.shares } }),
    spans: views.sort((a, b) => a.start_ms - b.start_ms),
  };
}

function least(a: bigint, b: bigint): bigint {
  return a === 0n || b < a ? b : a;
}
