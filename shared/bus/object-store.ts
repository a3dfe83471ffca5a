/** Pictures and hints on their way, by name, kept for a day: a JetStream object store. `nats object get` reads it too. */
import { jetstream } from '@nats-io/jetstream';
import { type ObjectStore, Objm, StorageType } from '@nats-io/obj';
import { type NatsConnection, nanos } from '@nats-io/transport-node';
import { MeshError } from '#shared/errors/errors.ts';
import { ATTEMPT_TIMEOUT_MS, type Patience, untilAnswered } from './jet-stream.ts';

const BUCKET = 'LATENTMESH_RESULTS';
const TTL_MS = 24 * 60 * 60_000;
const MAX_BYTES = 4 * 1024 ** 3;

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

/** Creates the bucket where it is missing. @throws MeshError BUS_UNAVAILABLE */
export async function openResultStore(connection: NatsConnection, patience: Patience = {}): Promise<ResultStore> {
  const limits = { ttl: nanos(TTL_MS), max_bytes: MAX_BYTES, storage: StorageType.File };
  const store = await untilAnswered(() => stores(connection).create(BUCKET, { ...limits }), patience);
  return {
    bucket: BUCKET,
    put: async (name, bytes) => {
      await untilAnswered(() => store.putBlob({ name }, bytes, { timeout: ATTEMPT_TIMEOUT_MS }), patience);
    },
    sizeBytes: async (name) => {
      const info = await untilAnswered(() => store.info(name), patience);
      return info && !info.deleted ? info.size : undefined;
    },
    get: (name) => read(store, name, patience),
  };
}

/** Reads one object, without creating anything. @throws MeshError UNKNOWN_JOB; BUS_UNAVAILABLE */
export async function readObject(
  connection: NatsConnection,
  { bucket, name }: { readonly bucket: string; readonly name: string },
  patience: Patience = {},
): Promise<Uint8Array> {
  const store = await untilAnswered(() => stores(connection).open(bucket, false), patience);
  return read(store, name, patience);
}

function stores(connection: NatsConnection): Objm {
  return new Objm(jetstream(connection, { timeout: ATTEMPT_TIMEOUT_MS }));
}

async function read(store: ObjectStore, name: string, patience: Patience): Promise<Uint8Array> {
  const bytes = await untilAnswered(() => store.getBlob(name), patience);
  if (bytes) return bytes;
  throw new MeshError('UNKNOWN_JOB', `There is no file "${name}"; files are kept for a day.`, { name });
}
