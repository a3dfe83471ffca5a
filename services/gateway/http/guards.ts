/**
 * Who may ask. A page of another origin may not, unless it is named; and a name that is none of ours may not stand in `Host`:
 * a page whose name was made to lead here (DNS rebinding) would otherwise count as our own.
 */
import { isIP } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MeshError } from '#shared/errors/errors.ts';

/** What is let in beside this machine's own. */
export interface Guards {
  /** Names with a dot under which this server is reached. */
  readonly names: readonly string[];
  /** Origins of pages that may ask: `https://app.example.org`; `*` for all. */
  readonly origins: readonly string[];
}

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
const ALLOWED_HEADERS = 'content-type, authorization, idempotency-key, traceparent, last-event-id';
const PREFLIGHT_SECONDS = '600';

/** Adds the checks, before anything else is done with a request. */
export function guard(app: FastifyInstance, { names, origins }: Guards): void {
  app.addHook('onRequest', async (request, reply) => {
    const { host } = request.headers;
    if (host !== undefined && !isOurs(hostName(host), names)) throw strangeHost(host);
    void reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
    const { origin } = request.headers;
    if (origin === undefined || isSame(origin, host)) return;
    if (origins.includes('*') || origins.includes(origin)) return allow(request, reply, origin);
    if (!READING.has(request.method)) throw strangeOrigin(origin);
  });
}

/** An address, a name without a dot (this machine, or one beside it) or a name that was given: nobody else can own these. */
function isOurs(name: string, names: readonly string[]): boolean {
  return isIP(name) !== 0 || !name.includes('.') || name.endsWith('.localhost') || names.includes(name);
}

/** Without the port, and the brackets of IPv6. */
function hostName(host: string): string {
  return host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}

function isSame(origin: string, host: string | undefined): boolean {
  return host !== undefined && origin.replace(/^https?:\/\//, '') === host;
}

function allow(request: FastifyRequest, reply: FastifyReply, origin: string): FastifyReply | undefined {
  void reply.header('access-control-allow-origin', origin).header('vary', 'origin');
  void reply.header('access-control-expose-headers', 'location, etag, retry-after');
  const isPreflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
  if (!isPreflight) return undefined;
  void reply
    .header('access-control-allow-methods', 'GET, POST, DELETE')
    .header('access-control-allow-headers', ALLOWED_HEADERS);
  return reply.header('access-control-max-age', PREFLIGHT_SECONDS).code(204).send();
}

function strangeHost(host: string): MeshError {
  const text = `This server is not known as ${JSON.stringify(host.slice(0, 200))}. Ask by its address, or name it in LATENTMESH_HTTP_NAMES.`;
  return new MeshError('FORBIDDEN', text);
}

function strangeOrigin(origin: string): MeshError {
  const text = `Pages of ${origin.slice(0, 200)} may not ask here. Name the origin in LATENTMESH_HTTP_ORIGINS to let them.`;
  return new MeshError('FORBIDDEN', text);
}
