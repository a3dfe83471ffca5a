/** HTTP of the gateway: OpenAI's images endpoint, and what an orchestrator asks. */
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { MAX_CONTROLNETS, MAX_IMAGE_BYTES } from '#shared/contracts/limits.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { Desk } from './desk.ts';
import { toErrorResponse, toGenerateInput, toImagesResponse } from './openai.ts';

/** Room for a few large pictures in base64 and the rest of a request, bytes. */
const BODY_LIMIT_BYTES = Math.min(MAX_CONTROLNETS, 3) * Math.ceil(MAX_IMAGE_BYTES * 1.4);
/** Seconds a client should wait when the queue is full: about one job. */
const RETRY_AFTER_SECONDS = 2;

/** What HTTP needs of the gateway. */
export interface HttpParts {
  readonly desk: Desk;
  /** Whether every role has an instance. */
  readonly missingRoles: () => string[];
}

/** The server, not yet listening. */
export function createHttp({ desk, missingRoles }: HttpParts): FastifyInstance {
  const app = fastify({ bodyLimit: BODY_LIMIT_BYTES, logger: false });
  closePolitely(app);
  app.setErrorHandler((thrown, _, reply) => {
    const error = fromFastify(thrown);
    return sendError(reply, error, isMediaType(thrown) ? 415 : error.status);
  });
  app.setNotFoundHandler((request, reply) =>
    sendError(reply, new MeshError('INVALID_REQUEST', `There is no ${request.method} ${request.url}.`), 404),
  );
  app.post('/v1/images/generations', async (request, reply) => {
    const signal = abortOnDisconnect(reply);
    const startedUnixMs = Date.now();
    const generated = await desk.generate(toGenerateInput(request.body), { headers: traceContext(request), signal });
    return toImagesResponse(generated, startedUnixMs);
  });
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_, reply) => {
    const missing = missingRoles();
    if (missing.length > 0) void reply.code(503);
    return { status: missing.length === 0 ? 'ready' : 'waiting', missing };
  });
  return app;
}

/** While closing, answers say so: fastify otherwise waits for the client's keep-alive (72 s, fastify #7044). */
function closePolitely(app: FastifyInstance): void {
  let isClosing = false;
  app.addHook('preClose', async () => {
    isClosing = true;
  });
  app.addHook('onSend', async (_, reply) => {
    if (isClosing) void reply.header('connection', 'close');
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

function sendError(reply: FastifyReply, error: MeshError, status = error.status): FastifyReply {
  if (error.retry === 'later') void reply.header('retry-after', String(RETRY_AFTER_SECONDS));
  // The OpenAI SDK retries 409 by itself; whether that helps is ours to say.
  void reply.header('x-should-retry', String(error.retry !== 'never'));
  return reply.code(status).send(toErrorResponse(error.toWire()));
}

function codeOf(thrown: unknown): string {
  return (thrown as { code?: string }).code ?? '';
}

function isMediaType(thrown: unknown): boolean {
  return codeOf(thrown) === 'FST_ERR_CTP_INVALID_MEDIA_TYPE';
}

/** Fastify's own errors, in our words. */
function fromFastify(thrown: unknown): MeshError {
  const code = codeOf(thrown);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new MeshError('PAYLOAD_TOO_LARGE', `The body is larger than ${BODY_LIMIT_BYTES} bytes.`, {
      limit: BODY_LIMIT_BYTES,
    });
  }
  if (isMediaType(thrown)) {
    return new MeshError('INVALID_REQUEST', 'Send JSON with content-type: application/json.');
  }
  if (code.startsWith('FST_ERR_CTP') || thrown instanceof SyntaxError) {
    return new MeshError('INVALID_JSON', `The body is no JSON: ${(thrown as Error).message}.`);
  }
  return MeshError.from(thrown);
}
