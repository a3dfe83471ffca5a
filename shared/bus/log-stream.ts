/** Streams that listen to plain messages and keep them for a while, the oldest going first: what is logged there is read by subject. */
import {
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type MsgRequest,
  type StorageType,
} from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { ensureStream, manager, type Patience } from './jet-stream.ts';

/** What a stream listens to, and how much of it it keeps. */
export interface LogStream {
  readonly name: string;
  readonly subject: string;
  readonly storage: StorageType;
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/** A message of it. */
export interface LoggedMessage {
  readonly data: Uint8Array;
  json<T>(): T;
}

/** Creates the stream where it is missing. @throws MeshError BUS_UNAVAILABLE */
export function ensureLogStream(connection: NatsConnection, log: LogStream, patience: Patience = {}): Promise<void> {
  const { name, subject, storage, maxBytes, maxAgeMs } = log;
  const limits = { discard: DiscardPolicy.Old, max_bytes: maxBytes, max_age: nanos(maxAgeMs) };
  return ensureStream(connection, { name, subjects: [subject], storage, ...limits }, patience);
}

/**
 * The messages on one subject, in their order; none where no stream was created.
 *
 * attempt  carries out each request: repeated, or once
 */
export async function* messagesOn(
  connection: NatsConnection,
  { stream, subject }: { readonly stream: string; readonly subject: string },
  attempt: <T>(run: () => Promise<T>) => Promise<T> = (run) => run(),
): AsyncGenerator<LoggedMessage> {
  const { streams } = await manager(connection);
  for (let seq = 1; ; ) {
    // The server knows `next_by_subj` since 2.9; the client's type allows it only for direct reads.
    const query = { seq, next_by_subj: subject } as MsgRequest;
    const found = await attempt(() => streams.getMessage(stream, query).catch(nothingThere));
    if (!found) return;
    yield found;
    seq = found.seq + 1;
  }
}

function nothingThere(thrown: unknown): null {
  if (thrown instanceof JetStreamApiError && thrown.code === JetStreamApiCodes.StreamNotFound) return null;
  throw thrown;
}
