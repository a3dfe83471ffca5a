/** A real nats-server for tests: a free port, a store of its own, and the ways it can fail. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NatsServer, startNatsServer } from '#infra/nats/start-server.ts';

export interface TestNats extends AsyncDisposable {
  readonly url: string;
  /** SIGKILL: what it has not stored is gone. */
  kill(): Promise<void>;
  /** Starts it again, on the same port with the same store. */
  start(): Promise<void>;
  /** Both: what clients see of a crash. */
  restart(): Promise<void>;
}

/** Starts a server, with further lines of its configuration; disposing it removes everything it wrote. */
export async function startNats(config = ''): Promise<TestNats> {
  const storeDir = await mkdtemp(join(tmpdir(), 'latentmesh-nats-'));
  let server: NatsServer = await startNatsServer({ storeDir, config });
  const { url, port } = server;
  const kill = (): Promise<void> => server.kill();
  const start = async (): Promise<void> => {
    server = await startNatsServer({ storeDir, port, config });
  };
  return {
    url,
    kill,
    start,
    restart: async () => {
      await kill();
      await start();
    },
    [Symbol.asyncDispose]: async () => {
      await server.kill();
      await rm(storeDir, { recursive: true, force: true });
    },
  };
}
