/** The NATS doors of the gateway: `latentmesh.v1.{generate,jobs,cancel,trace,status}`, JSON or msgpack in and out. */
import { ANSWERED_LATER, type JsonEndpoint, replyError, replyJson, serveJson } from '#shared/bus/door.ts';
import type { ResultStore } from '#shared/bus/object-store.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { Transport } from '#shared/bus/transport.ts';
import type { MeshStatus } from '#shared/contracts/heartbeat.ts';
import type { JobRecord } from '#shared/contracts/jobs.ts';
import type { SpanRecord } from '#shared/contracts/span.ts';
import type { Desk } from './desk.ts';
import { traceView } from './http/trace-view.ts';
import { messageReply } from './replies.ts';

/** Gateways share the work of each door. */
const QUEUE = { queue: 'gateway' } as const;

/** Opens the doors. */
export function openDoors(
  transport: Transport,
  desk: Desk,
  { status, spans }: { status: () => Promise<MeshStatus>; spans: (traceId: string) => Promise<readonly SpanRecord[]> },
): JsonEndpoint[] {
  return [
    serveJson(
      transport,
      subjects.generate,
      async (request, { headers, replyAddress }) => {
        const isAnsweredLater = replyAddress !== undefined && !isAsync(headers);
        const job = await desk.accept(request, { headers, ...(isAnsweredLater && { replyTo: replyAddress }) });
        return isAnsweredLater ? ANSWERED_LATER : { job, state: 'queued' };
      },
      QUEUE,
    ),
    serveJson(transport, subjects.jobs, (query) => jobOrJobs(desk, query), QUEUE),
    serveJson(transport, subjects.cancel, async (query) => withoutReplyTo(await desk.cancel(query)), QUEUE),
    serveJson(
      transport,
      subjects.trace,
      async (query) => {
        const { trace_id } = await desk.job(query);
        return traceView(trace_id, await spans(trace_id));
      },
      QUEUE,
    ),
    serveJson(transport, subjects.status, () => status(), QUEUE),
  ];
}

/** Answers a caller who waits on a subject for the end of a job. */
export function answerOver(
  transport: Transport,
  files: ResultStore,
): (replyTo: string, record: JobRecord) => Promise<void> {
  return async (replyTo, record) => {
    try {
      replyJson(transport, replyTo, await messageReply(record, files));
    } catch (error) {
      replyError(transport, replyTo, error);
    }
  };
}

/** As HTTP's `Prefer: respond-async` (RFC 7240) asks: the job's name at once, not its end. */
function isAsync(headers: Readonly<Record<string, string>>): boolean {
  return Object.entries(headers).some(([name, value]) => name.toLowerCase() === 'prefer' && value === 'respond-async');
}

/** One job where the query names one, else a list. */
async function jobOrJobs(desk: Desk, query: unknown): Promise<unknown> {
  const isOfOne = typeof query === 'object' && query !== null && 'job' in query;
  if (isOfOne) return withoutReplyTo(await desk.job(query));
  return { jobs: (await desk.jobs(query)).map(withoutReplyTo) };
}

/** Where others wait is theirs. */
function withoutReplyTo({ reply_to: _, ...record }: JobRecord): Omit<JobRecord, 'reply_to'> {
  return record;
}
