/**
 * What a job has computed so far, kept for an hour so that another process can go on from there: a JetStream stream that
 * listens to plain messages. Whoever writes does not wait; what is lost is computed again.
 */
import { DiscardPolicy, JetStreamApiCodes, JetStreamApiError, type MsgRequest, StorageType } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { ensureStream, manager, type Patience } from './jet-stream.ts';
import { subjects } from './subjects.ts';

/** Name of the stream, for those who say who may read it. */
export const CHECKPOINT_STREAM = 'LATENTMESH_CHECKPOINTS';
/** Some 8000 model calls of one picture of 512×512; the oldest go first. */
const MAX_BYTES = 512 * 1024 ** 2;
const MAX_AGE_MS = 60 * 60_000;

/** Creates the stream where it is missing. @throws MeshError BUS_UNAVAILABLE */
export function ensureCheckpointStream(connection: NatsConnection, patience: Patience = {}): Promise<void> {
  const config = {
    name: CHECKPOINT_STREAM,
    subjects: [subjects.allCheckpoints],
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_bytes: MAX_BYTES,
    max_age: nanos(MAX_AGE_MS),
  };
  return ensureStream(connection, config, patience);
}

/**
 * What was written for a job, in its order; nothing for a job that has none, and where no stream was created.
 * Rejects with the client's error when the server does not answer: not repeated, since computing again is quicker.
 */
export async function readCheckpoints(connection: NatsConnection, job: string): Promise<Uint8Array[]> {
  const { streams } = await manager(connection);
  const written: Uint8Array[] = [];
  const subject = subjects.checkpoint(job);
  for (let seq = 1; ; ) {
    // The server knows `next_by_subj` since 2.9; the client's type allows it only for direct reads.
    const query = { seq, next_by_subj: subject } as MsgRequest;
    const found = await streams.getMessage(CHECKPOINT_STREAM, query).catch(nothingThere);
    if (!found) return written;
    written.push(found.data);
    seq = found.seq + 1;
  }
}

function nothingThere(thrown: unknown): null {
  if (thrown instanceof JetStreamApiError && thrown.code === JetStreamApiCodes.StreamNotFound) return null;
  throw thrown;
}
