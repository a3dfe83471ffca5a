/** Finished spans of the last hour, in memory: what `latentmesh trace` reads. Spans are published as plain messages; the stream listens. */
import { StorageType } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { type Patience, untilAnswered } from './jet-stream.ts';
import { ensureLogStream, messagesOn } from './log-stream.ts';
import { subjects } from './subjects.ts';

const STREAM = 'LATENTMESH_SPANS';
const MAX_BYTES = 64 * 1024 ** 2;
const MAX_AGE_MS = 60 * 60_000;

/** Creates the stream where it is missing. @throws MeshError BUS_UNAVAILABLE */
export function ensureSpanStream(connection: NatsConnection, patience: Patience = {}): Promise<void> {
  const log = { name: STREAM, subject: subjects.allSpans, storage: StorageType.Memory };
  return ensureLogStream(connection, { ...log, maxBytes: MAX_BYTES, maxAgeMs: MAX_AGE_MS }, patience);
}

/** The spans of a trace, in the order they ended; none when the trace is unknown or too old. @throws MeshError BUS_UNAVAILABLE */
export async function readSpans(
  connection: NatsConnection,
  traceId: string,
  patience: Patience = {},
): Promise<SpanRecord[]> {
  const spans: SpanRecord[] = [];
  const of = { stream: STREAM, subject: subjects.spans(traceId) };
  const messages = messagesOn(connection, of, (run) => untilAnswered(run, patience));
  for await (const message of messages) spans.push(...message.json<SpanRecord[]>());
  return spans;
}
