/**
 * Where the time of a job went: every moment between its acceptance and its end belongs to exactly one cause, so the shares
 * add up to the whole. Where several things go on at once, the one that the job would have waited for anyway counts: what is
 * computed beside something slower costs nothing, and the other way round.
 */
import type { SpanRecord } from '#shared/contracts/span.ts';

/** What a moment was spent on, in the order of who counts when several apply. */
export const CAUSES = [
  'lost',
  'compute',
  'controlnet',
  'controlnet load',
  'lora',
  'transfer',
  'device',
  'controlnet wait',
  'pictures',
  'admission',
  'queue',
  'turn',
  'mesh',
] as const;

/** See {@link CAUSES}. */
export type Cause = (typeof CAUSES)[number];

/** The time of one cause. */
export interface TimeShare {
  readonly cause: Cause;
  readonly ms: number;
  /** 0 … 1 of the whole. */
  readonly share: number;
}

/** The whole time, and its parts, the largest first; causes without any are left out. */
export interface TimeShares {
  readonly totalMs: number;
  readonly shares: readonly TimeShare[];
}

/** A stretch of time of one cause, ms from the first span. */
interface Stretch {
  readonly cause: Cause;
  readonly startMs: number;
  readonly endMs: number;
}

/** Takes the spans of one trace, in any order. */
export function timeShares(spans: readonly SpanRecord[]): TimeShares {
  const zeroNano = spans.reduce((least, { startUnixNano }) => min(least, BigInt(startUnixNano)), BigInt(2) ** 63n);
  const timed = spans.map((span) => ({ span, ...timesOf(span, zeroNano) }));
  const endMs = endOf(timed);
  const stretches = timed
    .flatMap((one) => stretchesOf(one, timed))
    .map((one) => ({ ...one, endMs: Math.min(one.endMs, endMs) }));
  const ms = sweep([...stretches, { cause: 'mesh', startMs: 0, endMs }]);
  const shares = CAUSES.map((cause) => ({ cause, ms: ms.get(cause) ?? 0, share: (ms.get(cause) ?? 0) / endMs }));
  return { totalMs: endMs, shares: shares.filter((one) => one.ms > 0).sort((a, b) => b.ms - a.ms) };
}

interface Timed {
  readonly span: SpanRecord;
  readonly startMs: number;
  readonly endMs: number;
}

function timesOf({ startUnixNano, endUnixNano }: SpanRecord, zeroNano: bigint): { startMs: number; endMs: number } {
  const sinceZero = (nano: string): number => Number(BigInt(nano) - zeroNano) / 1e6;
  return { startMs: sinceZero(startUnixNano), endMs: sinceZero(endUnixNano) };
}

/** What is tidied up behind the job keeps nobody waiting. */
function endOf(timed: readonly Timed[]): number {
  const jobs = timed.filter(({ span }) => span.name === 'job');
  return Math.max(0, ...(jobs.length > 0 ? jobs : timed).map(({ endMs }) => endMs));
}

/** Spans that are a cause as a whole. */
const WHOLE: Readonly<Record<string, Cause>> = {
  admission: 'admission',
  hints: 'admission',
  queued: 'queue',
  pictures: 'pictures',
  'lora.enter': 'lora',
  'controlnet.load': 'controlnet load',
};

function stretchesOf({ span, startMs, endMs }: Timed, all: readonly Timed[]): Stretch[] {
  const { name, service } = span;
  const whole = WHOLE[name];
  if (whole) return [{ cause: whole, startMs, endMs }];
  if (name.startsWith('run ')) return ofRun({ span, startMs, endMs });
  if (name.startsWith('call ')) return ofCall({ span, startMs, endMs });
  // A denoiser's own set is waited for where it enters; others have nothing to do meanwhile.
  if (name === 'lora.resident' && service !== 'denoiser') return [{ cause: 'lora', startMs, endMs }];
  if (name === 'denoise' || name === 'denoiser.denoise') return untilFirst({ span, startMs, endMs }, all);
  return [];
}

/** The span of a run begins when it is asked for; the runtime's own time is at its end. */
function ofRun({ span, startMs, endMs }: Timed): Stretch[] {
  const runMs = span.attributes['latentmesh.run_ms'];
  const beganMs = typeof runMs === 'number' ? Math.max(startMs, endMs - runMs) : startMs;
  const isControlNet = span.service === 'controlnet';
  return [
    { cause: isControlNet ? 'controlnet wait' : 'device', startMs, endMs: beganMs },
    { cause: isControlNet ? 'controlnet' : 'compute', startMs: beganMs, endMs },
  ];
}

/** Failures of an instance, after which another one is asked. */
const LOST: ReadonlySet<unknown> = new Set(['ACTOR_LOST', 'TRANSFER_FAILED', 'NO_ACTOR']);

function ofCall({ span, startMs, endMs }: Timed): Stretch[] {
  if (LOST.has(span.attributes['error.type'])) return [{ cause: 'lost', startMs, endMs }];
  const transferMs = span.attributes['latentmesh.transfer_ms'];
  const transfer: Stretch[] =
    typeof transferMs === 'number'
      ? [{ cause: 'transfer', startMs: Math.max(startMs, endMs - transferMs), endMs }]
      : [];
  const isControlNet = span.name.startsWith('call controlnet.');
  return isControlNet ? [...transfer, { cause: 'controlnet wait', startMs, endMs }] : transfer;
}

/** Until a denoiser has taken the job, and until it is the job's turn there: before the first thing that happens inside. */
function untilFirst({ span, startMs, endMs }: Timed, all: readonly Timed[]): Stretch[] {
  const inside = all.filter((one) => one.span.parentSpanId === span.spanId && FIRST.has(one.span.name));
  return [{ cause: 'turn', startMs, endMs: Math.min(endMs, ...inside.map((one) => one.startMs)) }];
}

const FIRST = new Set(['call denoiser.denoise', 'step', 'lora.enter']);

/** ms by cause: of each moment between two edges the first cause of {@link CAUSES} that covers it. */
function sweep(stretches: readonly Stretch[]): Map<Cause, number> {
  const edges = stretches
    .filter(({ startMs, endMs }) => endMs > startMs)
    .flatMap(({ cause, startMs, endMs }) => [
      { atMs: startMs, cause, by: 1 },
      { atMs: endMs, cause, by: -1 },
    ])
    .sort((a, b) => a.atMs - b.atMs);
  const open = new Map<Cause, number>();
  const spent = new Map<Cause, number>();
  let beforeMs = 0;
  for (const { atMs, cause, by } of edges) {
    const first = CAUSES.find((one) => (open.get(one) ?? 0) > 0);
    if (first) spent.set(first, (spent.get(first) ?? 0) + atMs - beforeMs);
    open.set(cause, (open.get(cause) ?? 0) + by);
    beforeMs = atMs;
  }
  return spent;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
