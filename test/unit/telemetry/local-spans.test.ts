import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { TracerProvider } from '@opentelemetry/sdk-trace';
import { describe, expect, it } from 'vitest';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { LocalSpans } from '#shared/telemetry/local-spans.ts';

interface Heard {
  readonly traceId: string;
  readonly names: string[];
}

interface Recorder {
  readonly spans: LocalSpans;
  readonly heard: Heard[];
  readonly records: SpanRecord[];
  /** Ends a span of its own trace. */
  end(name: string): void;
  listen(): void;
}

function recorder(): Recorder {
  const spans = new LocalSpans('vae', 'vae-1');
  const tracer = new TracerProvider({ spanProcessors: [spans] }).getTracer('test');
  const heard: Heard[] = [];
  const records: SpanRecord[] = [];
  return {
    spans,
    heard,
    records,
    end: (name) => tracer.startSpan(name, { root: true }).end(),
    listen: () =>
      spans.listen((traceId, batch) => {
        heard.push({ traceId, names: batch.map((span) => span.name) });
        records.push(...batch);
      }),
  };
}

describe('local spans — on their way to whoever listens', () => {
  it('spans that ended before somebody listened come first, in their order', async () => {
    const { spans, end, listen, records } = recorder();
    end('a');
    end('b');
    listen();
    end('c');
    await spans.forceFlush();
    expect(records.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  it('of too many that wait the oldest go', () => {
    const { end, listen, records } = recorder();
    for (let i = 0; i < 5000; i++) end(`${i}`);
    listen();
    expect([records.length, records[0]!.name, records.at(-1)!.name]).toEqual([4096, '904', '4999']);
  });

  it('go by trace, at most 200 in a message', () => {
    const spans = new LocalSpans('vae', 'vae-1');
    const tracer = new TracerProvider({ spanProcessors: [spans] }).getTracer('test');
    const sizes: number[] = [];
    const traces = new Set<string>();
    const parent = tracer.startSpan('parent');
    for (let i = 0; i < 450; i++) tracer.startSpan('child', {}, trace.setSpan(ROOT_CONTEXT, parent)).end();
    tracer.startSpan('other', { root: true }).end();
    spans.listen((traceId, batch) => {
      sizes.push(batch.length);
      traces.add(traceId);
    });
    expect(sizes).toEqual([200, 200, 50, 1]);
    expect(traces.size).toBe(2);
  });

  it('the last ones go when the process ends', async () => {
    const { spans, end, listen, records } = recorder();
    listen();
    end('last');
    await spans.shutdown();
    expect(records.map(({ name }) => name)).toEqual(['last']);
  });

  it('a record says all of its span', () => {
    const spans = new LocalSpans('vae', 'vae-1');
    const tracer = new TracerProvider({ spanProcessors: [spans] }).getTracer('test');
    const span = tracer.startSpan('decode', {
      kind: SpanKind.SERVER,
      startTime: 1_700_000_000_000,
      attributes: { steps: 20 },
    });
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'x'.repeat(5000) });
    span.end(1_700_000_000_250);
    spans.listen((_, [record]) => {
      const { traceId, spanId } = span.spanContext();
      expect(record).toEqual({
        traceId,
        spanId,
        name: 'decode',
        kind: 'server',
        service: 'vae',
        instance: 'vae-1',
        startUnixNano: '1700000000000000000',
        endUnixNano: '1700000000250000000',
        attributes: { steps: 20 },
        error: 'x'.repeat(1000),
      });
    });
    expect.assertions(1);
  });
});
