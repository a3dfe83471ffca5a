import { beforeAll, describe, expect, it } from 'vitest';
import type { SpanRecord } from '#shared/contracts/span.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import * as vae from '#shared/contracts/vae.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { served } from '#shared/service/serve.ts';
import { startTelemetry, type Telemetry } from '#shared/telemetry/start.ts';
import { activeTraceId, recordSpan, traceHeaders, withSpan } from '#shared/telemetry/tracing.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { smallMesh } from '#test/unit/placement/small-mesh.ts';

let telemetry: Telemetry;
const ended: SpanRecord[] = [];

beforeAll(() => {
  telemetry = startTelemetry({ role: 'gateway', instance: 'gateway-1', version: '0.0.0', logLevel: 'silent' });
  telemetry.listen((_, spans) => ended.push(...spans));
});

/** Spans that ended in a trace, by name. */
async function spansOf(traceId: string): Promise<Map<string, SpanRecord>> {
  await telemetry.shutdown();
  return new Map(ended.filter((span) => span.traceId === traceId).map((span) => [span.name, span]));
}

describe('tracing — over the bus', () => {
  it('the spans of callee and callee’s callee hang under the caller’s, in one trace', async () => {
    const mesh = smallMesh();
    const options = { deadlineUnixMs: Date.now() + 10_000, signal: new AbortController().signal };
    mesh.start('vae-1', [served(vae.decode, async () => ({ body: { run_ms: 1 } }))]);
    const askVae = served(textEncoder.encode, async () => {
      await mesh.client.call(vae.decode, {}, {}, options);
      return { body: { truncated: [], cached: false } };
    });
    mesh.start('text-encoder-1', [askVae], { role: 'text-encoder' });
    const request = { prompts: ['a secret wish'], negative_prompts: null, clip_skip: 1, loras: [] };
    const traceId = await withSpan('job', {}, async () => {
      await mesh.client.call(textEncoder.encode, request, {}, options);
      return activeTraceId();
    });
    const spans = [...(await spansOf(traceId)).values()];
    const nameOf = (id: string | undefined): string | undefined => spans.find(({ spanId }) => spanId === id)?.name;
    expect(spans.map(({ name, kind, parentSpanId }) => [name, kind, nameOf(parentSpanId)])).toEqual([
      ['vae.decode', 'server', 'call vae.decode'],
      ['call vae.decode', 'client', 'text-encoder.encode'],
      ['text-encoder.encode', 'server', 'call text-encoder.encode'],
      ['call text-encoder.encode', 'client', 'job'],
      ['job', 'internal', undefined],
    ]);
    expect(JSON.stringify(spans)).not.toContain('secret');
  });

  it('work without a trace in its headers begins one of its own', async () => {
    const first = await withSpan('served', { parentHeaders: {} }, async () => activeTraceId());
    const second = await withSpan('served', { parentHeaders: {} }, async () => activeTraceId());
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(second).not.toBe(first);
  });

  it('takes up the trace that a caller from outside brings', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const seen = await withSpan('job', { parentHeaders: { traceparent } }, async () => traceHeaders());
    expect(seen.traceparent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    const { parentSpanId } = (await spansOf('0af7651916cd43dd8448eb211c80319c')).get('job')!;
    expect(parentSpanId).toBe('b7ad6b7169203331');
  });
});

describe('tracing — spans', () => {
  it('a failure stands on the span, and is thrown on as it is', async () => {
    let traceId = '';
    const failed = withSpan('decode', {}, async () => {
      traceId = activeTraceId();
      throw new MeshError('OUT_OF_MEMORY', 'The device is full.');
    });
    expect((await failure(failed)).code).toBe('OUT_OF_MEMORY');
    expect((await spansOf(traceId)).get('decode')).toMatchObject({
      error: 'The device is full.',
      attributes: { 'error.type': 'OUT_OF_MEMORY' },
    });
  });

  it('times that are known already, and attributes that come later', async () => {
    const traceId = await withSpan('outer', { attributes: { a: 1 } }, async (span) => {
      recordSpan('queued', 1_700_000_000_000, 1_700_000_000_250, { where: 'queue' });
      span.set({ b: 'two' });
      return activeTraceId();
    });
    const spans = await spansOf(traceId);
    expect(spans.get('outer')!.attributes).toEqual({ a: 1, b: 'two' });
    expect(spans.get('queued')).toMatchObject({
      parentSpanId: spans.get('outer')!.spanId,
      startUnixNano: '1700000000000000000',
      endUnixNano: '1700000000250000000',
      attributes: { where: 'queue' },
    });
  });

  it('outside of a span there is no trace', () => {
    expect([activeTraceId(), traceHeaders()]).toEqual(['', {}]);
  });
});
