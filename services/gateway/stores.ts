/** What the gateways share in NATS: the queue, the records, the files, and the streams that others write to. */
import { ensureCheckpointStream } from '#shared/bus/checkpoint-stream.ts';
import { openDeadLetters } from '#shared/bus/dead-letters.ts';
import { type JobQueue, openJobQueue } from '#shared/bus/job-queue.ts';
import { type JobStore, openJobStore } from '#shared/bus/job-store.ts';
import type { NatsTransport } from '#shared/bus/nats-transport.ts';
import { openResultStore, type ResultStore } from '#shared/bus/object-store.ts';
import { ensureSpanStream } from '#shared/bus/span-stream.ts';
import { replicateStreams } from '#shared/bus/stream-replicas.ts';
import type { Config } from '#shared/config/config.ts';
import type { DeadLetter } from '#shared/contracts/dead-letter.ts';
import type { JobRecord } from '#shared/contracts/jobs.ts';
import type { Log } from '#shared/telemetry/log.ts';

/** See the head of this file. */
export interface Stores {
  readonly queue: JobQueue;
  readonly store: JobStore<JobRecord>;
  readonly results: ResultStore;
  /** Writes down why a job was given up. Does not fail. */
  readonly bury: (letter: DeadLetter) => Promise<void>;
}

/** Creates what is missing. @throws MeshError BUS_UNAVAILABLE */
export async function openStores({ connection }: NatsTransport, config: Config, log: Log): Promise<Stores> {
  const [queue, store, results, dead] = await Promise.all([
    openJobQueue(connection, {
      maxJobs: config.queue,
      onTrouble: ({ code, message }) => log.warn({ code, reason: message }, 'Trouble with the queue.'),
    }),
    openJobStore<JobRecord>(connection),
    openResultStore(connection, { maxBytes: config.resultsBytes, maxAgeMs: config.resultsMs }),
    openDeadLetters<DeadLetter>(connection),
    ensureSpanStream(connection),
    ensureCheckpointStream(connection),
  ]);
  if (config.natsReplicas !== undefined) await replicateStreams(connection, config.natsReplicas);
  const bury = async (letter: DeadLetter): Promise<void> => {
    const { job, code } = letter;
    log.error({ job, code, reason: letter.message }, 'A job was given up: its letter is in the stream of the dead.');
    await dead.write(letter).catch((error: unknown) => log.error({ job, err: error }, 'The letter was not written.'));
  };
  return { queue, store, results, bury };
}
