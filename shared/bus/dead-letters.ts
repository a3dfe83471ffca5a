/** Jobs that the mesh gave up, each with the reason, kept for a week: a JetStream stream on one subject. */
import { jetstream, StorageType } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { ATTEMPT_TIMEOUT_MS, manager, type Patience, untilAnswered } from './jet-stream.ts';
import { toJson } from './json-payload.ts';
import { ensureLogStream } from './log-stream.ts';
import { subjects } from './subjects.ts';

const STREAM = 'LATENTMESH_DEAD';
/** A letter is some KB. */
const MAX_BYTES = 64 * 1024 ** 2;
const MAX_AGE_MS = 7 * 24 * 60 * 60_000;

/** See the head of this file. */
export interface DeadLetters<Letter> {
  /** The same job again within two minutes is the same letter. @throws MeshError BUS_UNAVAILABLE, PAYLOAD_TOO_LARGE */
  write(letter: Letter): Promise<void>;
  /** The latest letters, the newest first. @throws MeshError BUS_UNAVAILABLE */
  latest(limit: number): Promise<Letter[]>;
}

/** Creates the stream where it is missing. @throws MeshError BUS_UNAVAILABLE */
export async function openDeadLetters<Letter extends { readonly job: string }>(
  connection: NatsConnection,
  patience: Patience = {},
): Promise<DeadLetters<Letter>> {
  const log = { name: STREAM, subject: subjects.dead, storage: StorageType.File };
  await ensureLogStream(connection, { ...log, maxBytes: MAX_BYTES, maxAgeMs: MAX_AGE_MS }, patience);
  const publisher = jetstream(connection, { timeout: ATTEMPT_TIMEOUT_MS });
  return {
    write: async (letter) => {
      const payload = toJson(letter);
      await untilAnswered(() => publisher.publish(subjects.dead, payload, { msgID: letter.job }), patience);
    },
    latest: (limit) => readLatest<Letter>(connection, limit, patience),
  };
}

async function readLatest<Letter>(connection: NatsConnection, limit: number, patience: Patience): Promise<Letter[]> {
  const { streams } = await manager(connection);
  const { state } = await untilAnswered(() => streams.info(STREAM), patience);
  const letters: Letter[] = [];
  for (let seq = state.last_seq; seq >= state.first_seq && seq > 0 && letters.length < limit; seq--) {
    const found = await untilAnswered(() => streams.getMessage(STREAM, { seq }), patience);
    if (found) letters.push(found.json<Letter>());
  }
  return letters;
}
