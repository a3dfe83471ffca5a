/** What the gateways keep together in JetStream: the queue, the records of jobs, their files, the spans of the last hour. */
import { type JobQueue, openJobQueue } from '#shared/bus/job-queue.ts';
import { type JobStore, openJobStore } from '#shared/bus/job-store.ts';
import type { NatsTransport } from '#shared/bus/nats-transport.ts';
import { openResultStore, type ResultStore } from '#shared/bus/object-store.ts';
import { ensureSpanStream } from '#shared/bus/span-stream.ts';
import type { JobRecord } from '#shared/contracts/jobs.ts';
import type { Log } from '#shared/telemetry/log.ts';

/** See the head of this file. */
export interface Stores {
  readonly queue: JobQueue;
  readonly store: JobStore<JobRecord>;
  readonly results: ResultStore;
}

/** Opens all of them, and makes what is missing. @throws MeshError BUS_UNAVAILABLE */
export async function openStores(
  { connection }: NatsTransport,
  { maxJobs, log }: { readonly maxJobs: number; readonly log: Log },
): Promise<Stores> {
  const [queue, store, results] = await Promise.all([
    openJobQueue(connection, {
      maxJobs,
      onTrouble: ({ code, message }) => log.warn({ code, reason: message }, 'The queue did not answer; asking again.'),
    }),
    openJobStore<JobRecord>(connection),
    openResultStore(connection),
    ensureSpanStream(connection),
  ]);
  return { queue, store, results };
}
