/** `GET /metrics` for Prometheus: OpenMetrics, with the trace behind a number, where it is asked for. */
import type { FastifyInstance } from 'fastify';
import { METRICS_CONTENT_TYPE, type MetricsFormat } from '#shared/telemetry/metrics-text.ts';

/** Adds the route. */
export function serveMetrics(app: FastifyInstance, metrics: (format: MetricsFormat) => Promise<string>): void {
  app.get('/metrics', async ({ headers }, reply) => {
    const format = /\bapplication\/openmetrics-text\b/.test(headers.accept ?? '') ? 'openmetrics' : 'prometheus';
    void reply.type(METRICS_CONTENT_TYPE[format]);
    return metrics(format);
  });
}
