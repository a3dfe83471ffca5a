/**
 * Records by job id, kept for a day: a JetStream key-value bucket. A writer names the revision it has read, so of two
 * that write at once one is told to look again.
 */
import { DiscardPolicy, JetStreamApiCodes, JetStreamApiError, jetstream, StorageType } from '@nats-io/jetstream';
import { type KV, type KvEntry, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { ATTEMPT_TIMEOUT_MS, type Patience, untilAnswered, updateStream } from './jet-stream.ts';
import { toJson } from './json-payload.ts';
import { NextTurn } from './next-turn.ts';

const BUCKET = 'LATENTMESH_JOBS_STATE';
const STREAM = `KV_${BUCKET}`;
const TTL_MS = 24 * 60 * 60_000;
/** A record is some KB, or up to half a MiB with a picture in it. */
const MAX_BYTES = 1024 ** 3;

/** A record with the revision that an update must name. */
export interface Stored<Record> {
  readonly record: Record;
  readonly revision: number;
}

/** All methods: @throws MeshError BUS_UNAVAILABLE; writers: QUEUE_FULL, PAYLOAD_TOO_LARGE */
export interface JobStore<Record> {
  get(job: string): Promise<Stored<Record> | undefined>;
  /** @returns whether it was new */
  create(job: string, record: Record): Promise<boolean>;
  /** @returns whether the revision was still the present one */
  update(job: string, record: Record, revision: number): Promise<boolean>;
  /** Those that were written last, at most so many, the latest first. */
  recent(limit: number): Promise<Record[]>;
}

/** Creates the bucket where it is missing. @throws MeshError BUS_UNAVAILABLE */
export async function openJobStore<Record>(
  connection: NatsConnection,
  patience: Patience = {},
): Promise<JobStore<Record>> {
  const manager = new Kvm(jetstream(connection, { timeout: ATTEMPT_TIMEOUT_MS }));
  const limits = { ttl: TTL_MS, max_bytes: MAX_BYTES, history: 1, storage: StorageType.File };
  const bucket = await untilAnswered(() => manager.create(BUCKET, limits), patience);
  // Made by the client it would refuse new jobs when it is full, until the oldest record is a day old.
  await updateStream(connection, STREAM, { discard: DiscardPolicy.Old }, patience);
  return new KvJobStore<Record>(bucket, patience);
}

class KvJobStore<Record> implements JobStore<Record> {
  readonly #bucket: KV;
  readonly #patience: Patience;
  readonly #turn = new NextTurn();

  constructor(bucket: KV, patience: Patience) {
    this.#bucket = bucket;
    this.#patience = patience;
  }

  async get(job: string): Promise<Stored<Record> | undefined> {
    const entry = await untilAnswered(() => this.#bucket.get(job), this.#patience);
    return entry && isPresent(entry) ? { record: entry.json<Record>(), revision: entry.revision } : undefined;
  }

  async recent(limit: number): Promise<Record[]> {
    const jobs = await untilAnswered(() => this.#writtenLast(limit), this.#patience);
    const records = await Promise.all(jobs.map((job) => this.get(job)));
    return records.flatMap((stored) => (stored ? [stored.record] : [])); // one may have aged out meanwhile
  }

  async create(job: string, record: Record): Promise<boolean> {
    const value = toJson(record);
    await this.#turn.wait();
    return this.#write(job, value, () => this.#bucket.create(job, value));
  }

  update(job: string, record: Record, revision: number): Promise<boolean> {
    const value = toJson(record);
    return this.#write(job, value, () => this.#bucket.update(job, value, revision));
  }

  /** The server tells keys in the order in which they were last written. */
  async #writtenLast(limit: number): Promise<string[]> {
    const jobs: string[] = [];
    for await (const job of await this.#bucket.keys()) {
      jobs.push(job);
      if (jobs.length > 2 * limit) jobs.splice(0, limit);
    }
    return jobs.slice(-limit).reverse();
  }

  #write(job: string, value: Uint8Array, write: () => Promise<number>): Promise<boolean> {
    return untilAnswered(async ({ isRepeated }) => {
      try {
        await write();
        return true;
      } catch (thrown) {
        if (!isConflict(thrown)) throw thrown;
        // The conflict may be with our own earlier attempt, whose answer was lost.
        return isRepeated && this.#holds(job, value);
      }
    }, this.#patience);
  }

  async #holds(job: string, value: Uint8Array): Promise<boolean> {
    const entry = await this.#bucket.get(job);
    return entry !== null && isPresent(entry) && Buffer.compare(entry.value, value) === 0;
  }
}

function isPresent(entry: KvEntry): boolean {
  return entry.operation === 'PUT';
}

function isConflict(thrown: unknown): boolean {
  if (!(thrown instanceof JetStreamApiError)) return false;
  const { StreamWrongLastSequence, StreamWrongLastSequenceUnknown } = JetStreamApiCodes;
  return thrown.code === StreamWrongLastSequence || thrown.code === StreamWrongLastSequenceUnknown;
}
