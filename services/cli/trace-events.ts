/**
 * A trace as a file for Perfetto (ui.perfetto.dev), chrome://tracing and speedscope: a process for each instance, and an
 * arrow wherever one process asked another.
 * Source: "Trace Event Format", docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */
import type { SpanRecord } from '#shared/contracts/span.ts';

/** One event; times in microseconds from the first span. */
export interface TraceEvent {
  readonly ph: 'M' | 'X' | 's' | 'f';
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: string;
  readonly bp?: 'e';
  readonly args?: Readonly<Record<string, unknown>>;
}

/** The file's content. */
export interface TraceFile {
  readonly displayTimeUnit: 'ms';
  readonly otherData: Readonly<Record<string, string>>;
  readonly traceEvents: readonly TraceEvent[];
}

interface Placed {
  readonly span: SpanRecord;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly end: number;
}

/** Takes the spans of one trace, in any order. */
export function traceFile(spans: readonly SpanRecord[]): TraceFile {
  const placed = place(spans);
  const byId = new Map(placed.map((one) => [one.span.spanId, one]));
  return {
    displayTimeUnit: 'ms',
    otherData: { trace_id: spans[0]?.traceId ?? '' },
    traceEvents: [
      ...processNames(placed),
      ...placed.map(complete),
      ...placed.flatMap((one) => arrow(byId.get(one.span.parentSpanId ?? ''), one)),
    ],
  };
}

function place(spans: readonly SpanRecord[]): Placed[] {
  const zero = spans.map(({ startUnixNano }) => BigInt(startUnixNano)).reduce(earlier, 2n ** 63n);
  const micros = (nano: string): number => Number(BigInt(nano) - zero) / 1000;
  const instances = [...new Set(spans.map(({ instance }) => instance))];
  return instances.flatMap((instance, index) => {
    const own = spans
      .filter((span) => span.instance === instance)
      .map((span) => ({ span, pid: index + 1, ts: micros(span.startUnixNano), end: micros(span.endUnixNano) }))
      .sort((a, b) => a.ts - b.ts || b.end - a.end);
    return intoLanes(own);
  });
}

function earlier(a: bigint, b: bigint): bigint {
  return b < a ? b : a;
}

/** Bars of one lane lie inside each other or apart; what overlaps otherwise goes into the next one. */
function intoLanes<Bar extends { readonly ts: number; readonly end: number }>(
  bars: readonly Bar[],
): (Bar & { tid: number })[] {
  const lanes: Bar[][] = [];
  return bars.map((bar) => {
    const found = lanes.findIndex((open) => {
      while (open.length > 0 && open.at(-1)!.end <= bar.ts) open.pop();
      return open.length === 0 || bar.end <= open.at(-1)!.end;
    });
    const tid = found < 0 ? lanes.push([]) - 1 : found;
    lanes[tid]!.push(bar);
    return { ...bar, tid: tid + 1 };
  });
}

function processNames(placed: readonly Placed[]): TraceEvent[] {
  const names = new Map(placed.map(({ pid, span }) => [pid, `${span.service} ${span.instance}`]));
  return [...names].map(([pid, name]) => ({ ph: 'M', name: 'process_name', pid, tid: 0, args: { name } }));
}

function complete({ span, pid, tid, ts, end }: Placed): TraceEvent {
  const { name, service, attributes, error } = span;
  return { ph: 'X', name, cat: service, pid, tid, ts, dur: end - ts, args: { ...attributes, ...(error && { error }) } };
}

/** Drawn from the caller's bar to the callee's, where these are of two processes. */
function arrow(from: Placed | undefined, to: Placed): TraceEvent[] {
  if (!from || from.pid === to.pid) return [];
  const shared = { name: 'call', cat: 'call', id: to.span.spanId };
  return [
    { ph: 's', ...shared, pid: from.pid, tid: from.tid, ts: from.ts },
    { ph: 'f', bp: 'e', ...shared, pid: to.pid, tid: to.tid, ts: to.ts },
  ];
}
