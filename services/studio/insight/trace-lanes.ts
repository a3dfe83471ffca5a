/**
 * From the spans of a trace to lanes: one for each actor, its work as bars on one scale, so that what runs beside what is seen at
 * once. Waiting for others is not work: calls and the turns that only wait for them are left out of the lanes.
 */
import type { ServedSpan } from '../server.ts';

/** A piece of work. Times are ms from the start of the trace. */
export interface Bar {
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  /** Row within its lane: work of one actor that overlaps lies below each other. */
  readonly row: number;
  /** Where the bar stands for a stage that others work for. */
  readonly isStage: boolean;
}

/** An actor and its work. */
export interface Lane {
  readonly service: string;
  readonly instance: string;
  readonly rows: number;
  readonly bars: readonly Bar[];
}

/** A trace on one scale. */
export interface TraceLanes {
  readonly lengthMs: number;
  readonly lanes: readonly Lane[];
  /** Start of each step of the denoiser, ms. */
  readonly stepsMs: readonly number[];
}

/** From top to bottom, as work goes. */
const ORDER = ['gateway', 'text-encoder', 'lora', 'denoiser', 'controlnet', 'vae'];
/** Spans of the gateway that are stages of a job. */
const STAGES = new Set(['admission', 'queued', 'encode', 'hints', 'denoise', 'decode', 'pictures']);
const MAX_ROWS = 3;

/** See the head of this file. */
export function traceLanes(spans: readonly ServedSpan[]): TraceLanes {
  const startMs = Math.min(...spans.map((span) => span.start_ms));
  const endMs = Math.max(...spans.map((span) => span.end_ms));
  const lanes = [...Map.groupBy(spans, ({ service, instance }) => `${service} ${instance}`).values()].map((group) =>
    laneOf(group, startMs),
  );
  return {
    lengthMs: Math.max(1, endMs - startMs),
    lanes: lanes.filter(({ bars }) => bars.length > 0).sort((a, b) => rank(a) - rank(b)),
    stepsMs: spans.filter(({ name }) => name === 'step').map(({ start_ms }) => start_ms - startMs),
  };
}

function laneOf(spans: readonly ServedSpan[], zeroMs: number): Lane {
  const { service, instance } = spans[0]!;
  const work = spans.filter((span) => isWork(span)).toSorted((a, b) => a.start_ms - b.start_ms);
  const freeFromMs: number[] = [];
  const bars = work.map((span) => {
    const row = rowOf(span, freeFromMs);
    freeFromMs[row] = Math.max(freeFromMs[row] ?? 0, span.end_ms);
    const times = { startMs: span.start_ms - zeroMs, endMs: span.end_ms - zeroMs };
    return { name: span.name, ...times, row, isStage: STAGES.has(span.name) };
  });
  return { service, instance, rows: Math.max(1, freeFromMs.length), bars };
}

/** A device runs one network at a time: runs share the first row, and what comes beside them has the next. */
function rowOf({ name, service, start_ms }: ServedSpan, freeFromMs: readonly number[]): number {
  if (name.startsWith('run ')) return 0;
  if (service !== 'gateway' && service !== 'lora') return 1;
  const free = freeFromMs.findIndex((endMs) => endMs <= start_ms);
  return free >= 0 ? free : Math.min(freeFromMs.length, MAX_ROWS - 1);
}

/** Runs of networks, stages of the gateway, and what the library of LoRAs does. */
function isWork({ name, service }: ServedSpan): boolean {
  if (name.startsWith('call ')) return false;
  if (service === 'gateway') return STAGES.has(name);
  if (service === 'lora') return true;
  return name.startsWith('run ') || name.startsWith('lora.') || name.startsWith('patch');
}

function rank({ service }: Lane): number {
  const at = ORDER.indexOf(service);
  return at < 0 ? ORDER.length : at;
}
