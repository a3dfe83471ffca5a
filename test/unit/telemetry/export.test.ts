import { describe, expect, it } from 'vitest';
import { asksForExport } from '#shared/telemetry/start.ts';
import { type OtlpTraces, otlpReceiver, plain, type Received } from '../../otlp-receiver.ts';
import { runTraced } from './traced-process.ts';

describe('export — to an OTLP back end', () => {
  it('http/json: spans arrive with their parents and the service they are of', async () => {
    await using collector = await otlpReceiver();
    const { traceId } = await runTraced({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    });
    expect(collector.received.map(({ url, contentType }) => [url, contentType])).toEqual([
      ['/v1/traces', 'application/json'],
    ]);
    const { resourceSpans } = JSON.parse(collector.received[0]!.body.toString()) as OtlpTraces;
    const [{ resource, scopeSpans }] = resourceSpans as readonly [OtlpTraces['resourceSpans'][number]];
    expect(plain(resource.attributes)).toMatchObject({
      'service.namespace': 'latentmesh',
      'service.name': 'latentmesh-vae',
      'service.instance.id': 'vae-1',
      'service.version': '1.2.3',
    });
    const [inner, outer] = scopeSpans[0]!.spans;
    expect(inner).toMatchObject({ name: 'inner', traceId, parentSpanId: outer!.spanId });
    expect(outer).toMatchObject({ name: 'outer', traceId });
  });

  it('http/protobuf, the default: spans arrive', async () => {
    await using collector = await otlpReceiver();
    const { traceId } = await runTraced({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SERVICE_NAME: 'mine' });
    const [{ url, contentType, body }] = collector.received as [Received];
    expect([url, contentType]).toEqual(['/v1/traces', 'application/x-protobuf']);
    expect(body.includes(Buffer.from(traceId, 'hex'))).toBe(true);
    for (const text of ['outer', 'inner', 'mine']) expect(body.includes(text)).toBe(true);
  });

  it('a back end that nobody knows is refused by its name', async () => {
    const { traceId: printed } = await runTraced({ OTEL_TRACES_EXPORTER: 'carrier-pigeon' });
    expect(printed).toContain('carrier-pigeon');
    expect(printed).toContain('Known: OTEL_TRACES_EXPORTER otlp, console or none');
  });

  it.each<[Record<string, string>, boolean]>([
    [{}, false],
    [{ OTEL_SERVICE_NAME: 'mine' }, false],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, true],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, true],
    [{ OTEL_TRACES_EXPORTER: 'console' }, true],
    [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, false],
    [{ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, false],
  ])('%o asks for export: %s', (env, asks) => {
    expect(asksForExport(env)).toBe(asks);
  });
});
