/** HTTP of the gateway: OpenAI's images endpoint, and what an orchestrator asks. */
import type { Socket } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { parseJson } from '#shared/bus/json-payload.ts';
import { MAX_BODY_BYTES } from '#shared/contracts/limits.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { MetricsFormat } from '#shared/telemetry/metrics-text.ts';
import type { Desk } from './desk.ts';
import { noSuchAddress, refuseClient, replyError, replyThrown } from './http-errors.ts';
import { serveMetrics } from './metrics-route.ts';
import { toGenerateInput, toImagesResponse } from './openai.ts';

/** Time for a request to come in, ms: the largest body at 0.5 MB/s. Its answer may take as long as the job. */
const REQUEST_TIMEOUT_MS = 120_000;
/** Time for its headers, and how often connections are looked at, ms; Node's own. */
const HEADERS_TIMEOUT_MS = 60_000;
const CHECK_INTERVAL_MS = 30_000;

/** What HTTP needs of the gateway. */
export interface HttpParts {
  readonly desk: Desk;
  /** Whether every role has an instance. */
  readonly missingRoles: () => string[];
  /** The page of `GET /metrics`; left out: there is none. */
  readonly metrics?: (format: MetricsFormat) => Promise<string>;
  readonly requestTimeoutMs?: number;
}

/** The server, not yet listening. */
export function createHttp({
  desk,
  missingRoles,
  metrics,
  requestTimeoutMs = REQUEST_TIMEOUT_MS,
}: HttpParts): FastifyInstance {
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
    frameworkErrors: (thrown, _, reply) => replyThrown(thrown, reply),
  });
  closePolitely(app);
  readBodiesAsNatsDoes(app);
  app.setErrorHandler((thrown, _, reply) => replyThrown(thrown, reply));
  app.setNotFoundHandler(({ method, url }, reply) => replyError(reply, noSuchAddress(method, url), 404));
  app.post('/v1/images/generations', async (request, reply) => {
    const signal = abortOnDisconnect(reply);
    const startedUnixMs = Date.now();
    const generated = await desk.generate(toGenerateInput(request.body), { headers: traceContext(request), signal });
    return toImagesResponse(generated, startedUnixMs);
  });
  if (metrics) serveMetrics(app, metrics);
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_, reply) => {
    const missing = missingRoles();
    if (missing.length > 0) void reply.code(503);
    return { status: missing.length === 0 ? 'ready' : 'waiting', missing };
  });
  return app;
}

/** The same bytes are the same request at every door, and what is wrong with them is told in the same words. */
function readBodiesAsNatsDoes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, async (_: FastifyRequest, body: Buffer) =>
    parseJson(body),
  );
}

/**
 * While closing, answers say so: fastify otherwise waits for the client's keep-alive (72 s, fastify #7044). And connections
 * whose request has not come in yet are closed: Node looks after their time no longer, and would wait for ever.
 */
function closePolitely(app: FastifyInstance): void {
  let isClosing = false;
  const open = new Set<Socket>();
  const answering = new Set<Socket>();
  app.server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  app.addHook('preHandler', async ({ raw }) => void answering.add(raw.socket));
  app.addHook('onSend', async (_, reply) => {
    if (isClosing) void reply.header('connection', 'close');
  });
  app.addHook('onResponse', async ({ raw }) => void answering.delete(raw.socket));
  app.addHook('preClose', async () => {
    isClosing = true;
    for (const socket of open.difference(answering)) socket.destroy();
  });
}

/** A client that goes away gives up its job. */
function abortOnDisconnect({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  const onClose = (): void => {
    if (!raw.writableFinished) controller.abort(new MeshError('CANCELLED', 'The client went away.'));
  };
  if (raw.destroyed) onClose();
  else raw.once('close', onClose);
  return controller.signal;
}

function traceContext(request: FastifyRequest): Record<string, string> {
  const { traceparent } = request.headers;
  return typeof traceparent === 'string' ? { traceparent } : {};
}
