/** Stands for an OpenTelemetry collector: takes what is posted over HTTP. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Received {
  readonly url: string | undefined;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  readonly received: Received[];
  /** Resolves when what was received satisfies a condition. */
  until(isEnough: (received: readonly Received[]) => boolean): Promise<void>;
}

/** A request of OTLP as JSON, as far as tests look at it. Source: opentelemetry-proto, trace/v1/trace.proto. */
export interface OtlpTraces {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

export interface OtlpAttribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number };
}

export interface OtlpSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly OtlpAttribute[];
}

/** Listens on a free port. */
export async function otlpReceiver(): Promise<OtlpReceiver> {
  const received: Received[] = [];
  const arrivals = new EventTarget();
  const take = async (request: IncomingMessage): Promise<void> => {
    received.push({
      url: request.url,
      contentType: request.headers['content-type'],
      body: await buffer(request),
    });
    arrivals.dispatchEvent(new Event('arrival'));
  };
  const server = createServer((request, response) => void take(request).then(() => response.end('{}')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    until: async (isEnough) => {
      while (!isEnough(received)) {
        await new Promise((resolve) => arrivals.addEventListener('arrival', resolve, { once: true }));
      }
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Spans of all requests, each with the attributes of the process that it is of. */
export function spansIn(received: readonly Received[]): (OtlpSpan & { readonly resource: Record<string, unknown> })[] {
  return received
    .flatMap(({ body }) => (JSON.parse(body.toString()) as OtlpTraces).resourceSpans)
    .flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, resource: plain(resource.attributes) }))),
    );
}

/** By key. */
export function plain(attributes: readonly OtlpAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue]));
}
