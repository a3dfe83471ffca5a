/** Where a job with LoRAs spent its time beside its steps, by its spans. */
import type { SpanRecord } from '#shared/contracts/span.ts';
import type { MeasuredJob } from './local-mesh.ts';
import { median, sum } from './statistics.ts';

/** One step, ms. */
export interface StepTime {
  readonly ms: number;
  /** Not in the runtime. */
  readonly outsideMs: number;
  /** Whether weights were being patched for the job meanwhile. */
  readonly isPatching: boolean;
}

/** See the head of this file. */
export interface LoraTimes {
  /** From the request to the reply, less the decoding, ms. */
  readonly wallMs: number;
  readonly steps: readonly StepTime[];
  /** What looking LoRAs up and entering them took, and the first step's overhead beyond that of the others, ms. */
  readonly switchMs: number;
}

interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

export function loraTimes({ wallMs, reply, spans }: MeasuredJob): LoraTimes {
  const patching = spans
    .filter(({ name, service }) => name === 'lora.resident' && service === 'denoiser')
    .filter(({ attributes }) => attributes['latentmesh.lora.hit'] === false);
  const steps = spans
    .filter(({ name }) => name === 'step')
    .toSorted((a, b) => intervalOf(a).startMs - intervalOf(b).startMs)
    .map((span) => stepTime(span, spans, patching.map(intervalOf)));
  const [first, ...others] = steps.map(({ outsideMs }) => outsideMs);
  return {
    wallMs: wallMs - reply.timings.decode_ms,
    steps,
    switchMs: sum(lookups(spans).map(durationMs)) + Math.max(0, first! - median(others)),
  };
}

/** What a job waits for: the check at the door, the text encoder's set, the denoiser's. */
function lookups(spans: readonly SpanRecord[]): SpanRecord[] {
  return spans.filter(
    ({ name, service }) =>
      (name === 'call lora.inspect' && service === 'gateway') ||
      (name === 'lora.resident' && service === 'text-encoder') ||
      name === 'lora.enter',
  );
}

function stepTime(step: SpanRecord, spans: readonly SpanRecord[], patching: readonly Interval[]): StepTime {
  const own = intervalOf(step);
  const runs = spans.filter((span) => span.parentSpanId === step.spanId && span.name.startsWith('run '));
  const runMs = sum(runs.map(({ attributes }) => Number(attributes['latentmesh.run_ms'])));
  const isPatching = patching.some(({ startMs, endMs }) => startMs < own.endMs && own.startMs < endMs);
  return { ms: durationMs(step), outsideMs: durationMs(step) - runMs, isPatching };
}

function durationMs(span: SpanRecord): number {
  const { startMs, endMs } = intervalOf(span);
  return endMs - startMs;
}

/** Since some moment of this day: nanoseconds since 1970 exceed a double's precision. */
function intervalOf({ startUnixNano, endUnixNano }: SpanRecord): Interval {
  const DAY_NS = 86_400n * 10n ** 9n;
  const ms = (nanoseconds: string): number => Number(BigInt(nanoseconds) % DAY_NS) / 1e6;
  return { startMs: ms(startUnixNano), endMs: ms(endUnixNano) };
}
