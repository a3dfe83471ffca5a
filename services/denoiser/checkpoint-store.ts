/** Checkpoints in the mesh's stream. */
import { readCheckpoints } from '#shared/bus/checkpoint-stream.ts';
import type { NatsTransport } from '#shared/bus/nats-transport.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { CheckpointStore } from './checkpoints.ts';

/** The store; undefined with 0 calls between checkpoints, which is none. */
export function checkpointStore(
  transport: NatsTransport,
  model: string,
  everyCalls: number,
): CheckpointStore | undefined {
  if (everyCalls === 0) return undefined;
  return {
    everyCalls,
    model,
    read: (job) => readCheckpoints(transport.connection, job),
    write: (job, piece) => {
      try {
        transport.publish(subjects.checkpoint(job), piece);
      } catch {
        // A name that no subject may hold, a server with tiny messages: computed again when it comes to that.
      }
    },
  };
}
