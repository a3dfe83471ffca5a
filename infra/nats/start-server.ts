/** Starts a nats-server as the mesh needs it and knows when it is ready. Works with 2.9 and newer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MeshError } from '#shared/errors/errors.ts';
import { findNatsServer, serverVersion } from './find-server.ts';

/** Where a server listens and keeps its files. */
export interface NatsServerOptions {
  /** 0 takes a free one. */
  readonly port?: number;
  readonly host?: string;
  /** Where JetStream, the configuration and, by default, the log are kept. Created when missing. */
  readonly storeDir: string;
  /** Started anew with each start. */
  readonly logFile?: string;
  /** Further lines in the server's own configuration language; they override ours. */
  readonly config?: string;
  /** By default the one that {@link findNatsServer} finds. */
  readonly binary?: string;
}

/** A server that is ready: its address, and the ways to end it. */
export interface NatsServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves when the process is gone, however it went. */
  readonly exited: Promise<void>;
  /** Clean stop, everything stored. Idempotent. */
  stop(): Promise<void>;
  /** Stops it as a crash would (SIGKILL). Idempotent. */
  kill(): Promise<void>;
}

/** A store of some GB takes this long to recover. */
const READY_TIMEOUT_MS = 30_000;
const POLL_MS = 10;
const STOP_GRACE_MS = 10_000;

/**
 * Starts a server and resolves when it accepts connections.
 * @throws MeshError NATS_SERVER_MISSING; CONFIGURATION when it stops before it is ready (a port in use, a wrong `config`)
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const storeDir = resolve(options.storeDir);
  const { host = '127.0.0.1', logFile = join(storeDir, 'nats-server.log') } = options;
  const binary = options.binary ?? (await findNatsServer());
  const portsDir = join(storeDir, 'ports');
  // A file left by a crash would speak for a new process that got the same id.
  await rm(portsDir, { recursive: true, force: true });
  await mkdir(portsDir, { recursive: true });
  await mkdir(dirname(logFile), { recursive: true });
  const configFile = join(storeDir, 'nats-server.conf');
  // A store that two versions have written is read wrong by both (2.9 after 2.15 numbers messages from 2^62 on).
  const jetStreamDir = join(storeDir, (await serverVersion(binary)) ?? 'unknown');
  await writeFile(configFile, serverConfig({ ...options, host, jetStreamDir, portsDir }));
  const child = launch(binary, configFile, logFile);
  const exited = gone(child);
  // The server names its ports file after its binary and its process.
  const portsFile = join(portsDir, `${basename(binary)}_${child.pid}.ports`);
  const port = await untilReady(child, portsFile, logFile);
  const stop = () => end(child, exited, 'SIGTERM');
  const kill = () => end(child, exited, 'SIGKILL');
  return { url: `nats://${host}:${port}`, port, pid: child.pid!, exited, stop, kill };
}

interface ConfigInput {
  readonly host: string;
  readonly port?: number;
  readonly jetStreamDir: string;
  readonly portsDir: string;
  readonly config?: string;
}

/** The reason of each number is in docs/adr/0011-nats-server-is-found.md. */
function serverConfig({ host, port = 0, jetStreamDir, portsDir, config = '' }: ConfigInput): string {
  const quoted = JSON.stringify;
  return `listen: ${quoted(`${host}:${port || -1}`)}
ports_file_dir: ${quoted(portsDir)}
jetstream { store_dir: ${quoted(jetStreamDir)} }
max_pending: 256MB
write_deadline: "30s"
ping_interval: "5s"
ping_max: 2
${config}
`;
}

function launch(binary: string, configFile: string, logFile: string): ChildProcess {
  const log = openSync(logFile, 'w');
  const child = spawn(binary, ['-c', configFile], {
    stdio: ['ignore', log, log],
    // The default of 100 collects garbage so often that it costs half of the throughput of large messages.
    env: { ...process.env, GOGC: '800' },
    // Its own process group: Ctrl-C in a terminal must not end the server before the actors have drained.
    detached: true,
  });
  closeSync(log);
  const killWithUs = () => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  void gone(child).then(() => process.off('exit', killWithUs));
  return child;
}

/** Resolves when the process ended or could not be started. */
function gone(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
}

async function untilReady(child: ChildProcess, portsFile: string, logFile: string): Promise<number> {
  const giveUpUnixMs = Date.now() + READY_TIMEOUT_MS;
  while (isRunning(child)) {
    const port = await reportedPort(portsFile);
    if (port) return port;
    if (Date.now() > giveUpUnixMs) child.kill('SIGKILL');
    await delay(POLL_MS);
  }
  const reason = await lastLine(logFile);
  throw new MeshError('CONFIGURATION', `nats-server stopped before it was ready: ${reason} (log: ${logFile})`, {
    logFile,
  });
}

/** The server's last words, without its own name, process id, time and level. */
async function lastLine(logFile: string): Promise<string> {
  const line = (await readFile(logFile, 'utf8')).trimEnd().split('\n').at(-1) ?? '';
  return line.replace(/^nats-server\S*: |^.*\[FTL\] /, '');
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** The server writes this file when it listens; half-written JSON counts as not yet. */
async function reportedPort(portsFile: string): Promise<number | undefined> {
  try {
    const ports = JSON.parse(await readFile(portsFile, 'utf8')) as { nats: string[] };
    return Number(new URL(ports.nats[0]!).port);
  } catch {
    return undefined;
  }
}

async function end(child: ChildProcess, exited: Promise<void>, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (!isRunning(child)) return;
  child.kill(signal);
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS);
  await exited;
  clearTimeout(force);
}
