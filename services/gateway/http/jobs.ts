/** Jobs over HTTP: `/v1/jobs`. Accepted at once, asked for, listed, followed, cancelled; pictures by address. */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ResultStore } from '#shared/bus/object-store.ts';
import { MAX_BATCH } from '#shared/contracts/limits.ts';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { convertImage, IMAGE_FORMATS } from '#shared/image/convert.ts';
import type { Desk } from '../desk.ts';
import type { JobFeed } from '../job-feed.ts';
import { invalidRequest, parseRequest } from '../validation.ts';
import { callerOf } from './caller.ts';
import type { EventStreams } from './event-stream.ts';
import { LAST_EVENT_ID, streamJob } from './job-stream.ts';
import { jobUrls, jobView } from './job-view.ts';
import { clientOf } from './keys.ts';
import { traceView } from './trace-view.ts';

/** What the routes of jobs need. */
export interface JobRouteParts {
  readonly desk: Desk;
  readonly feed: JobFeed;
  readonly files: ResultStore;
  /** Finished spans of a trace. */
  readonly spans: (traceId: string) => Promise<readonly SpanRecord[]>;
}

/** Pictures stay what they are for the day that they are kept. */
const CACHE_CONTROL = 'private, max-age=86400, immutable';
const IdempotencyKey = z.string().min(1).max(255);
const ImageIndex = z.coerce
  .number()
  .int()
  .min(0)
  .max(MAX_BATCH - 1);
/** Only PNG has the parameters in it. */
const ImageQuery = z.strictObject({
  format: z.enum(IMAGE_FORMATS).default('png'),
  quality: z.coerce.number().int().min(0).max(100).optional(),
});

/** Adds the routes. */
export function serveJobs(app: FastifyInstance, parts: JobRouteParts & { readonly streams: EventStreams }): void {
  const { desk, feed, streams } = parts;
  app.post('/v1/jobs', (request, reply) => acceptJob(desk, request, reply));
  app.get('/v1/jobs', async (request) => {
    const client = clientOf(request);
    const query = { ...(request.query as Record<string, unknown>), ...(client !== undefined && { client }) };
    const jobs = await desk.jobs(listQuery(query));
    return { jobs: jobs.map((record) => jobView(record, feed)) };
  });
  app.get('/v1/jobs/:job', async ({ params }) => jobView(await desk.job(params), feed));
  app.delete('/v1/jobs/:job', async ({ params }) => jobView(await desk.cancel(params), feed));
  const record = (job: string) => desk.job({ job });
  app.get('/v1/jobs/:job/events', async ({ params, headers }, reply) => {
    const { job } = params as { job: string };
    // A browser comes back by itself after the last event too, and stays away when it hears this.
    if (headers['last-event-id'] === LAST_EVENT_ID) return reply.code(204).send();
    await streamJob({ feed, streams, record }, job, reply);
    return reply;
  });
  app.get('/v1/jobs/:job/images/:n', (request, reply) => sendImage(parts, request, reply));
  app.get('/v1/jobs/:job/trace', async ({ params }) => {
    const { trace_id } = await desk.job(params);
    return traceView(trace_id, await parts.spans(trace_id));
  });
}

async function acceptJob(desk: Desk, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const job = await desk.accept(withKey(request), callerOf(request));
  const urls = jobUrls(job);
  return reply.code(202).header('location', urls.self).send({ job, state: 'queued', urls });
}

/** A key stands for the name of the job: the same key with the same request is the same job, with another one JOB_CONFLICT. */
function withKey(request: FastifyRequest): unknown {
  const { body, headers } = request;
  const key = headers['idempotency-key'];
  if (key === undefined || typeof body !== 'object' || body === null) return body;
  const parsed = IdempotencyKey.safeParse(key);
  if (!parsed.success) throw invalidRequest([{ path: 'Idempotency-Key', message: 'must have 1 to 255 characters' }]);
  const digest = createHash('sha256')
    .update(`${clientOf(request) ?? ''}${parsed.data}`)
    .digest('base64url');
  return { job: `key-${digest}`, ...body };
}

/** Numbers in an address are text. */
function listQuery(query: Record<string, unknown>): unknown {
  return 'limit' in query ? { ...query, limit: Number(query.limit) } : query;
}

async function sendImage(
  { desk, files }: JobRouteParts,
  { params, query, headers }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { job, n } = params as { job: string; n: string };
  const { format, quality } = parseRequest(ImageQuery, query);
  const record = await desk.job({ job });
  const index = ImageIndex.safeParse(n).data;
  const image = index === undefined ? undefined : record.result?.images[index];
  if (!image?.object) throw noImage(job, n, record.result?.images.length ?? 0);
  const etag = `"${record.request_digest.slice(0, 16)}-${record.finished_unix_ms}-${index}-${format}${quality ?? ''}"`;
  void reply.header('etag', etag).header('cache-control', CACHE_CONTROL);
  if (headers['if-none-match']?.includes(etag)) return reply.code(304).send();
  const png = await files.get(image.object.name);
  const bytes = format === 'png' ? png : await convertImage(png, { format, quality });
  return reply.type(`image/${format}`).send(Buffer.from(bytes));
}

function noImage(job: string, n: string, images: number): MeshError {
  const text = `The job "${job}" has ${images} pictures, and none with the number ${JSON.stringify(n.slice(0, 20))}: they count from 0, and are there once the job is done.`;
  return new MeshError('UNKNOWN_JOB', text, { job, images });
}
