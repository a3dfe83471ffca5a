/** A finished span as it lies in the span stream: JSON, one batch of spans of one trace per message. */

/** Attribute values that survive JSON. */
export type SpanAttribute = string | number | boolean | readonly string[] | readonly number[];

/** See the head of this file. */
export interface SpanRecord {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  /** Role of the process: `gateway`, `denoiser` … */
  readonly service: string;
  readonly instance: string;
  /** Nanoseconds since 1970 as a decimal string: they exceed what a JSON number holds. */
  readonly startUnixNano: string;
  readonly endUnixNano: string;
  readonly attributes: Readonly<Record<string, SpanAttribute>>;
  readonly error?: string;
}
