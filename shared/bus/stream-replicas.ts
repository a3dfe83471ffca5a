/** How many servers of a cluster hold the mesh's streams: all of them alike, whoever has made them. */
import type { NatsConnection } from '@nats-io/transport-node';
import { manager, type Patience, untilAnswered, updateStream } from './jet-stream.ts';

/** Streams, the streams behind key-value buckets, those behind object stores. */
const OURS = /^(?:KV_|OBJ_)?LATENTMESH_/;

/**
 * Gives every stream of the mesh so many replicas; one that has them already is left alone.
 * @throws MeshError BUS_UNAVAILABLE; INTERNAL when the cluster has fewer servers
 */
export async function replicateStreams(
  connection: NatsConnection,
  replicas: number,
  patience: Patience = {},
): Promise<void> {
  const { streams } = await manager(connection);
  const all = await untilAnswered(() => streams.list().next(), patience);
  const ours = all.filter(({ config }) => OURS.test(config.name) && config.num_replicas !== replicas);
  for (const { config } of ours) {
    await updateStream(connection, config.name, { num_replicas: replicas }, patience);
  }
}
