/**
 * Who asks, by the API key: `Authorization: Bearer <key>`, `X-API-Key: <key>`, or as the password of Basic (any name), which browsers ask
 * for by themselves. What a key may not do is FORBIDDEN, and jobs of other keys do not exist for it.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { JobRecord } from '#shared/contracts/jobs.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { ApiKey, ApiKeys, Scope } from '../api-keys.ts';
import type { Quotas } from '../quotas.ts';

/** What the checks need. */
export interface KeyParts {
  readonly keys: Pick<ApiKeys, 'check'>;
  readonly quotas: Quotas;
  /** A job's record. @throws MeshError UNKNOWN_JOB */
  readonly record: (job: string) => Promise<JobRecord>;
}

/** What an orchestrator asks has no key. */
const OPEN = new Set(['/healthz', '/readyz']);
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
const owners = new WeakMap<FastifyRequest, ApiKey>();

/** Adds the checks; without keys everybody may do everything. */
export function requireKeys(app: FastifyInstance, { keys, quotas, record }: KeyParts): void {
  app.addHook('onRequest', async (request, reply) => {
    const path = request.url.split('?', 1)[0]!;
    if (OPEN.has(path) || request.method === 'OPTIONS') return;
    const key = keys.check(secretOf(request) ?? '');
    if (!key) {
      void reply.header('www-authenticate', 'Basic realm="latentmesh", charset="UTF-8"');
      throw new MeshError('UNAUTHORIZED', 'Send an API key: "Authorization: Bearer <key>".');
    }
    owners.set(request, key);
    quotas.take(key, 'requests_per_minute');
    requireScope(key, READING.has(request.method) ? 'read' : 'generate');
    if (request.method === 'POST') quotas.take(key, 'jobs_per_minute');
  });
  app.addHook('preHandler', async (request) => {
    const key = owners.get(request);
    const { job } = request.params as { job?: string };
    if (!key || isAdmin(key) || job === undefined) return;
    if ((await record(job)).client !== key.name) throw unknownJob(job);
  });
}

/** The client whose jobs the request makes and sees; undefined where that is free to say: without keys, and for admins. */
export function clientOf(request: FastifyRequest): string | undefined {
  const key = owners.get(request);
  return key && !isAdmin(key) ? key.name : undefined;
}

/** How many jobs the key may have at a time; undefined where there is no limit. */
export function maxJobsOf(request: FastifyRequest): number | undefined {
  return owners.get(request)?.limits.jobs_at_once;
}

function secretOf({ headers }: FastifyRequest): string | undefined {
  const own = headers['x-api-key'];
  if (typeof own === 'string') return own;
  const [, scheme = '', credentials = ''] = /^(\w+) +(\S+)$/.exec(headers.authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') return credentials;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  return Buffer.from(credentials, 'base64')
    .toString()
    .replace(/^[^:]*:/, '');
}

function requireScope(key: ApiKey, scope: Scope): void {
  if (key.scopes.includes(scope) || isAdmin(key)) return;
  throw new MeshError('FORBIDDEN', `The key of ${key.name} may not do this: it has no scope "${scope}".`, { scope });
}

function isAdmin({ scopes }: ApiKey): boolean {
  return scopes.includes('admin');
}

/** As if there were none: a name says nothing to those whose job it is not. */
function unknownJob(job: string): MeshError {
  return new MeshError('UNKNOWN_JOB', `There is no job "${job}"; records are kept for a day.`, { job });
}
