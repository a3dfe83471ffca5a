/** The mesh's own nats-server: started unless one is named, started again on the same port when it dies, or when its full disk has room again. */
import { setTimeout as delay } from 'node:timers/promises';
import { untilRoomAgain } from '#infra/nats/disk-watch.ts';
import { type NatsServer, startNatsServer } from '#infra/nats/start-server.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { firstFreePort } from './free-port.ts';
import { RestartPolicy } from './restart-policy.ts';

const DEFAULT_PORT = 4222;

/** The server that was started, whichever of its processes runs now. */
export interface OwnNats {
  readonly url: string;
  stop(): Promise<void>;
  kill(): void;
}

/** Where the server listens and writes, and who hears of its restarts. */
export interface OwnNatsOptions {
  readonly port?: number;
  readonly storeDir: string;
  readonly logFile: string;
  readonly onRestart: (cause: string, delayMs: number) => void;
  /** Something that people should know. */
  readonly onNotice: (text: string) => void;
  /** It will not be started again. */
  readonly onGivenUp: (error: MeshError) => void;
  readonly onSpawn: (pid: number) => void;
}

/** @throws MeshError NATS_SERVER_MISSING; CONFIGURATION when the port is taken */
export async function startOwnNats(options: OwnNatsOptions): Promise<OwnNats> {
  const { storeDir, logFile, onRestart, onNotice, onGivenUp, onSpawn } = options;
  let port = options.port ?? (await firstFreePort(DEFAULT_PORT));
  const policy = new RestartPolicy();
  let isEnding = false;
  const start = async (): Promise<NatsServer> => {
    const server = await startNatsServer({ port, storeDir, logFile });
    onSpawn(server.pid);
    port = server.port; // 0 means any the first time, and the same one from then on
    return server;
  };
  let server = await start();

  const keepRunning = async (): Promise<void> => {
    for (;;) {
      const wasDiskFull = await ended(server, { storeDir, logFile, onNotice });
      if (isEnding) return;
      if (wasDiskFull) {
        server = await start();
        continue;
      }
      const delayMs = policy.crashed(Date.now());
      if (delayMs === 'give-up') throw new MeshError('BUS_UNAVAILABLE', `nats-server keeps crashing: see ${logFile}.`);
      onRestart(`its log: ${logFile}`, delayMs);
      await delay(delayMs);
      if (isEnding) return;
      server = await start();
    }
  };
  keepRunning().catch((error: unknown) => onGivenUp(MeshError.from(error)));

  return {
    url: server.url,
    stop: () => {
      isEnding = true;
      return server.stop();
    },
    kill: () => {
      isEnding = true;
      void server.kill();
    },
  };
}

/** Resolves when a server has ended; one whose disk was full is ended as soon as there is room. @returns whether that was it */
async function ended(
  server: NatsServer,
  { storeDir, logFile, onNotice }: Pick<OwnNatsOptions, 'storeDir' | 'logFile' | 'onNotice'>,
): Promise<boolean> {
  const gone = new AbortController();
  void server.exited.then(() => gone.abort());
  const onFull = (): void =>
    onNotice(
      `The disk of ${storeDir} is full: no job is taken until there is room. Pictures older than a day go by themselves.`,
    );
  // Whatever is wrong with looking, the end of the server is still seen.
  const watched = { storeDir, logFile, signal: gone.signal, onFull };
  const isOver = await untilRoomAgain(watched).catch(() => false);
  if (isOver) {
    onNotice('The disk has room again: nats-server is started anew.');
    await server.stop();
  }
  await server.exited;
  return isOver;
}
