/** Pictures and hints on their way, by name, kept for a day: a JetStream object store. `nats object get` reads it too. */
import { createHash } from 'node:crypto';
import { DiscardPolicy, jetstream, type MsgRequest } from '@nats-io/jetstream';
import { type ObjectInfo, type ObjectStore, Objm, StorageType } from '@nats-io/obj';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { MeshError } from '#shared/errors/errors.ts';
import { ATTEMPT_TIMEOUT_MS, manager, type Patience, untilAnswered, updateStream } from './jet-stream.ts';

const BUCKET = 'LATENTMESH_RESULTS';
const STREAM = `OBJ_${BUCKET}`;
const MAX_AGE_MS = 24 * 60 * 60_000;
const MAX_BYTES = 4 * 1024 ** 3;
const DUPLICATE_WINDOW_MS = 2 * 60_000;

/** Files by name. The same name again is the same file, written anew. */
export interface ResultStore {
  readonly bucket: string;
  /** Replaces what is there. @throws MeshError QUEUE_FULL; BUS_UNAVAILABLE */
  put(name: string, bytes: Uint8Array): Promise<void>;
  /** Size of a file, to be known before it is read; undefined when it is not there (any more). @throws MeshError BUS_UNAVAILABLE */
  sizeBytes(name: string): Promise<number | undefined>;
  /** @throws MeshError UNKNOWN_JOB when it is not there (any more); BUS_UNAVAILABLE */
  get(name: string): Promise<Uint8Array>;
}

/** How long files are kept, and how many bytes of them; a day and 4 GiB when left out. */
export interface ResultLimits extends Patience {
  readonly maxAgeMs?: number;
  readonly maxBytes?: number;
}

/** Creates the bucket where it is missing, and gives it these limits. @throws MeshError BUS_UNAVAILABLE */
export async function openResultStore(connection: NatsConnection, options: ResultLimits = {}): Promise<ResultStore> {
  const { maxAgeMs = MAX_AGE_MS, maxBytes = MAX_BYTES, ...patience } = options;
  const limits = { ttl: nanos(maxAgeMs), max_bytes: maxBytes, storage: StorageType.File };
  const store = await untilAnswered(() => stores(connection).create(BUCKET, { ...limits }), patience);
  await keepTheNewest(connection, { maxAgeMs, maxBytes }, patience);
  return {
    bucket: BUCKET,
    put: async (name, bytes) => {
      await untilAnswered(() => store.putBlob({ name }, bytes, { timeout: ATTEMPT_TIMEOUT_MS }), patience);
    },
    sizeBytes: async (name) => {
      const info = await untilAnswered(() => store.info(name), patience);
      return info && !info.deleted ? info.size : undefined;
    },
    get: (name) => read(connection, store, name, patience),
  };
}

/** The client's buckets refuse what is new when they are full; the mesh would stand still until the old is a day old. */
async function keepTheNewest(
  connection: NatsConnection,
  { maxAgeMs, maxBytes }: Required<Omit<ResultLimits, keyof Patience>>,
  patience: Patience,
): Promise<void> {
  const duplicate_window = nanos(Math.min(maxAgeMs, DUPLICATE_WINDOW_MS)); // the server takes no longer one
  const limits = { max_age: nanos(maxAgeMs), max_bytes: maxBytes, discard: DiscardPolicy.Old, duplicate_window };
  await updateStream(connection, STREAM, limits, patience);
}

/** Reads one object, without creating anything. @throws MeshError UNKNOWN_JOB; BUS_UNAVAILABLE */
export async function readObject(
  connection: NatsConnection,
  { bucket, name }: { readonly bucket: string; readonly name: string },
  patience: Patience = {},
): Promise<Uint8Array> {
  const store = await untilAnswered(() => stores(connection).open(bucket, false), patience);
  return read(connection, store, name, patience);
}

function stores(connection: NatsConnection): Objm {
  return new Objm(jetstream(connection, { timeout: ATTEMPT_TIMEOUT_MS }));
}

/**
 * Chunk by chunk: the client's own way makes a consumer for each object and leaves it to the server for five minutes, thousands
 * of them under load. Files that have lost a part to the limits of the store are not there any more.
 */
async function read(
  connection: NatsConnection,
  store: ObjectStore,
  name: string,
  patience: Patience,
): Promise<Uint8Array> {
  for (let former: string | undefined; ; ) {
    const info = await untilAnswered(() => store.info(name), patience);
    if (!info || info.deleted || info.nuid === former) throw noFile(name);
    const bytes = await readChunks(connection, info, patience);
    if (bytes) return bytes;
    former = info.nuid; // written anew meanwhile, which takes the former chunks away; else it is not whole
  }
}

async function readChunks(
  connection: NatsConnection,
  info: ObjectInfo,
  patience: Patience,
): Promise<Uint8Array | undefined> {
  const stream = `OBJ_${info.bucket}`;
  const subject = `$O.${info.bucket}.C.${info.nuid}`;
  const { streams } = await manager(connection);
  const chunks: Uint8Array[] = [];
  for (let seq = 1, count = 0; count < info.chunks; count++) {
    const query = { seq, next_by_subj: subject } as MsgRequest; // the client's type allows it only for direct reads
    const chunk = await untilAnswered(() => streams.getMessage(stream, query), patience);
    if (!chunk) return undefined;
    chunks.push(chunk.data);
    seq = chunk.seq + 1;
  }
  const bytes = new Uint8Array(Buffer.concat(chunks));
  return bytes.length === info.size && isDigestOf(info.digest, bytes) ? bytes : undefined;
}

/** `SHA-256=` and base64 for URLs, with or without its padding. */
function isDigestOf(digest: string, bytes: Uint8Array): boolean {
  const unpadded = (text: string): string => text.replace(/=+$/, '');
  return unpadded(digest.replace(/^SHA-256=/i, '')) === createHash('sha256').update(bytes).digest('base64url');
}

function noFile(name: string): MeshError {
  return new MeshError('UNKNOWN_JOB', `There is no file "${name}"; files are kept for a limited time.`, { name });
}
