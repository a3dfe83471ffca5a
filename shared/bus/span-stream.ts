/** Finished spans of the last hour, in memory: what `latentmesh trace` reads. Spans are published as plain messages; the stream listens. */
import { DiscardPolicy, JetStreamApiCodes, JetStreamApiError, type MsgRequest, StorageType } from '@nats-io/jetstream';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { ensureStream, manager, type Patience, untilAnswered } from './jet-stream.ts';
import { subjects } from './subjects.ts';

const STREAM = 'LATENTMESH_SPANS';
const MAX_BYTES = 64 * 1024 ** 2;
const MAX_AGE_MS = 60 * 60_000;

/** Creates the stream where it is missing. @throws MeshError BUS_UNAVAILABLE */
export function ensureSpanStream(connection: NatsConnection, patience: Patience = {}): Promise<void> {
  const config = {
    name: STREAM,
    subjects: [subjects.allSpans],
    storage: StorageType.Memory,
    discard: DiscardPolicy.Old,
    max_bytes: MAX_BYTES,
    max_age: nanos(MAX_AGE_MS),
  };
  return ensureStream(connection, config, patience);
}

/** The spans of a trace, in the order they ended; none when the trace is unknown or too old. @throws MeshError BUS_UNAVAILABLE */
export async function readSpans(
  connection: NatsConnection,
  traceId: string,
  patience: Patience = {},
): Promise<SpanRecord[]> {
  const jsm = await manager(connection);
  const spans: SpanRecord[] = [];
  const subject = subjects.spans(traceId);
  for (let seq = 1; ; ) {
    // The server knows `next_by_subj` since 2.9; the client's type allows it only for direct reads.
    const query = { seq, next_by_subj: subject } as MsgRequest;
    const found = await untilAnswered(() => orNothing(jsm.streams.getMessage(STREAM, query)), patience);
    if (!found) return spans;
    spans.push(...found.json<SpanRecord[]>());
    seq = found.seq + 1;
  }
}

/** A stream that nobody has created yet holds nothing. */
async function orNothing<T>(message: Promise<T | null>): Promise<T | null> {
  try {
    return await message;
  } catch (thrown) {
    if (thrown instanceof JetStreamApiError && thrown.code === JetStreamApiCodes.StreamNotFound) return null;
    throw thrown;
  }
}
