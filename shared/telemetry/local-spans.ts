/**
 * The local, bounded way of spans: finished spans are gathered for a moment and handed on by trace, whoever listens.
 * Spans that end before somebody listens wait, at most MAX_WAITING of them; the oldest go first.
 */
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { MetricFamily } from '#shared/contracts/metrics.ts';
import type { SpanAttribute, SpanRecord } from '#shared/contracts/span.ts';
import { MetricRegistry } from './metric-registry.ts';
import { measure } from './span-metrics.ts';

/** Takes finished spans of one trace. Must not throw. */
export type SpanSink = (traceId: string, spans: readonly SpanRecord[]) => void;

/** Spans that wait for a listener or the next flush: some 2 MB at most. */
const MAX_WAITING = 4096;
/** Long enough to gather a step's spans in one message, short enough to watch a job live. */
const FLUSH_AFTER_MS = 100;
/** Spans in one message: 200 spans are about 80 KB of JSON, far below what a message holds. */
const MAX_PER_MESSAGE = 200;
/** Characters of an error's text: a message of failed spans stays far below what a message holds, too. */
const MAX_ERROR_CHARS = 1000;

const KIND_NAMES = ['internal', 'server', 'client', 'producer', 'consumer'] as const;

/** A span processor that hands finished spans to a sink. */
export class LocalSpans implements SpanProcessor {
  readonly #service: string;
  readonly #instance: string;
  readonly #metrics = new MetricRegistry();
  #waiting: ReadableSpan[] = [];
  #sink: SpanSink | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(service: string, instance: string) {
    this.#service = service;
    this.#instance = instance;
  }

  /** From now on spans go to `sink`, the waiting ones first. */
  listen(sink: SpanSink): void {
    this.#sink = sink;
    this.#flush();
  }

  /** What the spans that were handed on add up to. */
  get metrics(): MetricFamily[] {
    this.#flush();
    return this.#metrics.read();
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    this.#waiting.push(span);
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift();
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_AFTER_MS).unref();
  }

  async forceFlush(): Promise<void> {
    this.#flush();
  }

  async shutdown(): Promise<void> {
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#sink) return;
    // Written out only now: when a span ends, what it measured waits to go on.
    const records = this.#waiting.map((span) => this.#record(span));
    this.#waiting = [];
    for (const record of records) this.#count(record);
    const byTrace = Map.groupBy(records, (span) => span.traceId);
    for (const [traceId, spans] of byTrace) {
      for (let i = 0; i < spans.length; i += MAX_PER_MESSAGE) this.#sink(traceId, spans.slice(i, i + MAX_PER_MESSAGE));
    }
  }

  #count(span: SpanRecord): void {
    const from = { trace_id: span.traceId, unix_ms: Number(BigInt(span.endUnixNano) / 1_000_000n) };
    for (const measurement of measure(span)) this.#metrics.add(measurement, from);
  }

  #record(span: ReadableSpan): SpanRecord {
    const { traceId, spanId } = span.spanContext();
    return {
      traceId,
      spanId,
      ...(span.parentSpanContext && { parentSpanId: span.parentSpanContext.spanId }),
      name: span.name,
      kind: KIND_NAMES[span.kind] ?? 'internal',
      service: this.#service,
      instance: this.#instance,
      startUnixNano: nanos(span.startTime),
      endUnixNano: nanos(span.endTime),
      attributes: span.attributes as Record<string, SpanAttribute>,
      ...(span.status.message && { error: span.status.message.slice(0, MAX_ERROR_CHARS) }),
    };
  }
}

function nanos([seconds, nanoseconds]: readonly [number, number]): string {
  return (BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)).toString();
}
