/**
 * What a job has computed so far, kept for an hour so that another process can go on from there: a JetStream stream that
 * listens to plain messages. Whoever writes does not wait; what is lost is computed again.
 */
import { StorageType } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Patience } from './jet-stream.ts';
import { ensureLogStream, messagesOn } from './log-stream.ts';
import { subjects } from './subjects.ts';

/** Name of the stream, for those who say who may read it. */
export const CHECKPOINT_STREAM = 'LATENTMESH_CHECKPOINTS';
/** Some 8000 model calls of one picture of 512×512; the oldest go first. */
const MAX_BYTES = 512 * 1024 ** 2;
const MAX_AGE_MS = 60 * 60_000;

/** Creates the stream where it is missing. @throws MeshError BUS_UNAVAILABLE */
export function ensureCheckpointStream(connection: NatsConnection, patience: Patience = {}): Promise<void> {
  const log = { name: CHECKPOINT_STREAM, subject: subjects.allCheckpoints, storage: StorageType.File };
  return ensureLogStream(connection, { ...log, maxBytes: MAX_BYTES, maxAgeMs: MAX_AGE_MS }, patience);
}

/**
 * What was written for a job, in its order; nothing for a job that has none, and where no stream was created.
 * Rejects with the client's error when the server does not answer: not repeated, since computing again is quicker.
 */
export async function readCheckpoints(connection: NatsConnection, job: string): Promise<Uint8Array[]> {
  const written: Uint8Array[] = [];
  const messages = messagesOn(connection, { stream: CHECKPOINT_STREAM, subject: subjects.checkpoint(job) });
  for await (const { data } of messages) written.push(data);
  return written;
}
