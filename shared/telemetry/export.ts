/** Export of spans to an OTLP back end, configured by the standard `OTEL_*` variables. Loaded only when they ask for it. */
import { context, propagation, trace } from '@opentelemetry/api';
import { OTLPTraceExporter as GrpcExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { envDetector, hostDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import {
  BatchSpanProcessor,
  ConsoleSpanExporter,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import { MeshError } from '#shared/errors/errors.ts';

/** Sources: opentelemetry.io/docs/specs/otel/protocol/exporter (OTEL_EXPORTER_OTLP_PROTOCOL; http/protobuf is the default). */
const OTLP_EXPORTERS: Record<string, () => SpanExporter> = {
  'http/protobuf': () => new ProtobufExporter(),
  'http/json': () => new JsonExporter(),
  grpc: () => new GrpcExporter(),
};

/**
 * Replaces the small tracer provider by the full SDK with the same local span store and an exporter.
 * @returns what ends the export, handing on what is left
 * @throws MeshError CONFIGURATION for an exporter or protocol that is not known
 */
export function startExport(local: SpanProcessor, attributes: Record<string, string>): () => Promise<void> {
  const processors = [local, new BatchSpanProcessor({ exporter: exporterFromEnvironment(process.env) })];
  trace.disable();
  context.disable();
  propagation.disable();
  const sdk = new NodeSDK({
    resource: resourceFromAttributes(attributes),
    // Not all of them: one would replace our instance's name by a random one.
    resourceDetectors: [envDetector, hostDetector],
    spanProcessors: processors,
    instrumentations: [],
  });
  sdk.start();
  return () => sdk.shutdown();
}

function exporterFromEnvironment(env: NodeJS.ProcessEnv): SpanExporter {
  const kind = env.OTEL_TRACES_EXPORTER ?? 'otlp';
  if (kind === 'console') return new ConsoleSpanExporter();
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL ?? 'http/protobuf';
  const create = OTLP_EXPORTERS[protocol];
  if (kind !== 'otlp' || !create) {
    const known = `OTEL_TRACES_EXPORTER otlp, console or none; OTEL_EXPORTER_OTLP_PROTOCOL ${Object.keys(OTLP_EXPORTERS).join(', ')}`;
    throw new MeshError('CONFIGURATION', `Traces cannot be exported by "${kind}" over "${protocol}". Known: ${known}.`);
  }
  return create();
}
