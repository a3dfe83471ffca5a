/** HTTP of the gateway: one server, its limits, and who answers where. */
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { parseJson } from '#shared/bus/json-payload.ts';
import type { JobRecord } from '#shared/contracts/jobs.ts';
import { MAX_BODY_BYTES } from '#shared/contracts/limits.ts';
import type { MetricsFormat } from '#shared/telemetry/metrics-text.ts';
import type { ApiKeys } from '../api-keys.ts';
import { Quotas } from '../quotas.ts';
import { type A1111Parts, serveA1111 } from './a1111/routes.ts';
import { closePolitely } from './closing.ts';
import { noSuchAddress, refuseClient, replyError, replyThrown } from './errors.ts';
import { EventStreams } from './event-stream.ts';
import { type Guards, guard } from './guards.ts';
import { serveImages } from './images.ts';
import { type JobRouteParts, serveJobs } from './jobs.ts';
import { requireKeys } from './keys.ts';
import { type MeshRouteParts, serveMesh } from './mesh.ts';
import { serveMetrics } from './metrics.ts';
import { type PreprocessParts, servePreprocess } from './preprocess.ts';
import { serveReference } from './reference.ts';
import { NOT_BUILT, serveStudio } from './studio.ts';

/** Time for a request to come in, ms: the largest body at 0.5 MB/s. Its answer may take as long as the job. */
const REQUEST_TIMEOUT_MS = 120_000;
/** Time for its headers, and how often connections are looked at, ms; Node's own. */
const HEADERS_TIMEOUT_MS = 60_000;
const CHECK_INTERVAL_MS = 30_000;

/** What HTTP needs of the gateway. */
export interface HttpParts extends JobRouteParts, MeshRouteParts, PreprocessParts, A1111Parts {
  /** Whether every role has an instance. */
  readonly missingRoles: () => string[];
  /** The page of `GET /metrics`; left out: there is none. */
  readonly metrics?: (format: MetricsFormat) => Promise<string>;
  readonly guards?: Guards;
  /** API keys; left out: whoever reaches the server may do everything. */
  readonly keys?: Pick<ApiKeys, 'check'> | undefined;
  /** Absolute; nothing is served at / without it. */
  readonly studioFolder?: string;
  readonly requestTimeoutMs?: number;
}

/** The server, not yet listening. */
export function createHttp(parts: HttpParts): FastifyInstance {
  const { guards = { names: [], origins: [] }, requestTimeoutMs = REQUEST_TIMEOUT_MS } = parts;
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    logger: false,
    requestTimeout: requestTimeoutMs,
    http: {
      // Node takes the two for each other when the headers have more time than the whole.
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
      connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, requestTimeoutMs),
    },
    clientErrorHandler: refuseClient,
    frameworkErrors: (thrown, request, reply) => replyThrown(thrown, request, reply),
  });
  const streams = new EventStreams();
  closePolitely(app, streams);
  guard(app, guards);
  if (parts.keys) {
    const record = (job: string): Promise<JobRecord> => parts.desk.job({ job });
    requireKeys(app, { keys: parts.keys, quotas: new Quotas(), record });
  }
  readBodiesAsNatsDoes(app);
  app.setErrorHandler((thrown, request, reply) => replyThrown(thrown, request, reply));
  app.setNotFoundHandler((request, reply) => {
    if (request.method === 'GET' && request.url === '/') return reply.code(404).type('text/plain').send(NOT_BUILT);
    return replyError(reply, request, { error: noSuchAddress(request), status: 404 });
  });
  serveImages(app, { ...parts, streams });
  serveJobs(app, { ...parts, streams });
  serveA1111(app, parts);
  serveMesh(app, { ...parts, streams });
  servePreprocess(app, parts);
  serveReference(app);
  serveHealth(app, parts.missingRoles);
  if (parts.metrics) serveMetrics(app, parts.metrics);
  if (parts.studioFolder !== undefined) serveStudio(app, parts.studioFolder);
  return app;
}

/** The same bytes are the same request at every door, and what is wrong with them is told in the same words. */
function readBodiesAsNatsDoes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_: FastifyRequest, body: Buffer) =>
    parseJson(body),
  );
}

/** What an orchestrator asks. */
function serveHealth(app: FastifyInstance, missingRoles: () => string[]): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_, reply) => {
    const missing = missingRoles();
    if (missing.length > 0) void reply.code(503);
    return { status: missing.length === 0 ? 'ready' : 'waiting', missing };
  });
}
