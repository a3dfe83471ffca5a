/**
 * Spans, as the rest of the house makes them: one function to run work inside a span, and two to carry the trace over the
 * bus. Everything else of OpenTelemetry stays in this folder.
 */
import { context, propagation, type Span, type SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { MeshError } from '#shared/errors/errors.ts';

/** Attribute values of a span. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** What a span says of itself. */
export interface SpanOptions {
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  readonly attributes?: Attributes;
  /** Headers of the message that caused this work: their trace becomes the parent. */
  readonly parentHeaders?: Readonly<Record<string, string>>;
}

/** OpenTelemetry's SpanKind by name. Source: @opentelemetry/api SpanKind. */
const KINDS: Record<NonNullable<SpanOptions['kind']>, SpanKind> = {
  internal: 0,
  server: 1,
  client: 2,
  producer: 3,
  consumer: 4,
};

const TRACER = 'latentmesh';

/** Runs work inside a span; what it throws is recorded on the span and thrown on. `span.set` adds attributes later. */
export function withSpan<T>(name: string, options: SpanOptions, work: (span: ActiveSpan) => Promise<T>): Promise<T> {
  const parent = options.parentHeaders
    ? propagation.extract(context.active(), options.parentHeaders)
    : context.active();
  const settings = { kind: KINDS[options.kind ?? 'internal'], attributes: { ...options.attributes } };
  return trace.getTracer(TRACER).startActiveSpan(name, settings, parent, async (span) => {
    try {
      return await work({ set: (attributes) => span.setAttributes({ ...attributes }) });
    } catch (error) {
      markFailed(span, MeshError.from(error));
      throw error;
    } finally {
      span.end();
    }
  });
}

/** The span that work runs in. */
export interface ActiveSpan {
  set(attributes: Attributes): void;
}

function markFailed(span: Span, error: MeshError): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  span.setAttribute('error.type', error.code);
}

/** Marks the active span as failed, where the failure is dealt with inside of it. */
export function failSpan(error: MeshError): void {
  const span = trace.getActiveSpan();
  if (span) markFailed(span, error);
}

/** Records a span whose times are known already: a run in another thread, the wait in a queue. Times in Unix ms. */
export function recordSpan(name: string, startUnixMs: number, endUnixMs: number, attributes: Attributes = {}): void {
  const span = trace.getTracer(TRACER).startSpan(name, { startTime: startUnixMs, attributes: { ...attributes } });
  span.end(endUnixMs);
}

/** Adds attributes to the span that is active; outside of one nothing happens. */
export function annotateSpan(attributes: Attributes): void {
  trace.getActiveSpan()?.setAttributes({ ...attributes });
}

/** Headers that carry the active trace to another process (W3C `traceparent`, lower case). */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  return headers;
}

/** The active trace, 32 hex digits; empty outside of one. */
export function activeTraceId(): string {
  return trace.getActiveSpan()?.spanContext().traceId ?? '';
}
