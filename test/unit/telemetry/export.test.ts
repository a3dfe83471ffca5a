import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { asksForExport } from '#shared/telemetry/start.ts';
import { runTraced } from './traced-process.ts';

interface Received {
  readonly url: string | undefined;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly received: Received[];
}

/** Stands for an OpenTelemetry collector: takes what is posted. */
async function receiver(): Promise<Receiver> {
  const received: Received[] = [];
  const take = async (request: IncomingMessage): Promise<void> => {
    received.push({
      url: request.url,
      contentType: request.headers['content-type'],
      body: await buffer(request),
    });
  };
  const server = createServer((request, response) => void take(request).then(() => response.end('{}')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** The part of an OTLP request that the test looks at. */
interface Otlp {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: { name: string; traceId: string; spanId: string; parentSpanId?: string }[] }[];
  }[];
}

describe('export — to an OTLP back end', () => {
  it('http/json: spans arrive with their parents and the service they are of', async () => {
    await using collector = await receiver();
    const { traceId } = await runTraced({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    });
    expect(collector.received.map(({ url, contentType }) => [url, contentType])).toEqual([
      ['/v1/traces', 'application/json'],
    ]);
    const { resourceSpans } = JSON.parse(collector.received[0]!.body.toString()) as Otlp;
    const [{ resource, scopeSpans }] = resourceSpans as [Otlp['resourceSpans'][number]];
    const attributes = Object.fromEntries(resource.attributes.map(({ key, value }) => [key, value.stringValue]));
    expect(attributes).toMatchObject({
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
    await using collector = await receiver();
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
