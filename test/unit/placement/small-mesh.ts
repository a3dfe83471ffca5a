/** A mesh in one process: real buses over the in-memory transport, instances that the test starts, a clock that it moves. */
import { type Clock, systemClock } from '#shared/bus/clock.ts';
import { MemoryBroker, type MemoryTransport } from '#shared/bus/memory-transport.ts';
import { MeshBus } from '#shared/bus/mesh-bus.ts';
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';
import { Directory } from '#shared/placement/directory.ts';
import { MeshClient } from '#shared/placement/mesh-client.ts';
import { type ServedOperation, serveOperation } from '#shared/service/serve.ts';
import { heartbeat } from './heartbeats.ts';

/** Something in the mesh that serves operations. */
export interface SmallInstance {
  readonly bus: MeshBus;
  /** Its process is killed: the others hear nothing of it any more. */
  kill(): void;
  /** Lets the directory hear it. */
  beat(more?: Partial<Heartbeat>): void;
}

export interface SmallMesh {
  readonly clock: Clock;
  readonly directory: Directory;
  readonly client: MeshClient;
  /** The caller's own bus. */
  readonly bus: MeshBus;
  connect(): MemoryTransport;
  /** Serves operations under a name, and is heard once. */
  start(instance: string, operations: readonly ServedOperation[], more?: Partial<Heartbeat>): SmallInstance;
}

export function smallMesh(clock: Clock = systemClock): SmallMesh {
  const broker = new MemoryBroker();
  const directory = new Directory({ now: clock.now });
  const bus = new MeshBus(broker.connect(), { instance: 'caller', clock });
  return {
    clock,
    directory,
    bus,
    client: new MeshClient({ bus, directory, clock }),
    connect: () => broker.connect(),
    start: (instance, operations, more) => {
      const link = broker.connect();
      const own = new MeshBus(link, { instance, clock });
      for (const operation of operations) serveOperation(own, operation, instance);
      const beat = (later?: Partial<Heartbeat>): void => {
        directory.hear(heartbeat(instance, { ...more, ...later }));
      };
      beat();
      return { bus: own, kill: () => link.disconnect(), beat };
    },
  };
}
