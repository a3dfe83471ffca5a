/** `latentmesh up` and `down`: the mesh of this machine without a terminal of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '#infra/is-alive.ts';
import { type MeshState, PROJECT_FOLDER, readLiveState, stateFolder } from '#infra/mesh/state-file.ts';
import { MeshError } from '#shared/errors/errors.ts';

const POLL_MS = 50;
/** Lines of its log that are told when it ends at its start. */
const TOLD_LINES = 5;
const SUPERVISOR = join(PROJECT_FOLDER, 'infra', 'mesh', 'main.ts');

interface Flags {
  readonly json?: boolean;
}

/** Starts a mesh unless one runs, waits until it is ready. @throws MeshError CONFIGURATION when it ends at once */
export async function up(args: readonly string[], { json }: Flags): Promise<void> {
  const folder = stateFolder();
  const former = await readLiveState(folder);
  if (former && args.length > 0) {
    const text = `A mesh already runs here, process ${former.pid}: \`latentmesh down\` first, to start it with other options.`;
    throw new MeshError('CONFIGURATION', text, { pid: former.pid });
  }
  const state = former ? await untilReady(folder, () => !isAlive(former.pid)) : await start(folder, args);
  if (!state) throw new MeshError('CONFIGURATION', `The mesh ended at its start. ${await lastWords(folder)}`);
  const { pid, httpUrl, natsUrl, model } = state;
  const wasRunning = former !== undefined;
  const text = `${wasRunning ? 'A mesh runs already' : 'The mesh is up'}: ${httpUrl}, NATS ${natsUrl}. \`latentmesh down\` ends it.`;
  process.stdout.write(`${json ? JSON.stringify({ pid, httpUrl, natsUrl, model, wasRunning }) : text}\n`);
}

/** Ends it. @throws MeshError BUS_UNAVAILABLE when none runs */
export async function down({ json, now }: Flags & { readonly now?: boolean }): Promise<void> {
  const state = await readLiveState(stateFolder());
  if (!state) throw new MeshError('BUS_UNAVAILABLE', 'No mesh runs here.');
  process.kill(state.pid, 'SIGTERM');
  if (now) process.kill(state.pid, 'SIGTERM'); // the second wish ends everything at once
  while (isAlive(state.pid)) await delay(POLL_MS);
  process.stdout.write(`${json ? JSON.stringify({ pid: state.pid }) : 'The mesh is down.'}\n`);
}

async function start(folder: string, args: readonly string[]): Promise<MeshState | undefined> {
  await mkdir(join(folder, 'logs'), { recursive: true, mode: 0o700 });
  const log = await open(logFile(folder), 'w');
  // Detached, and without a channel to us: it must outlive this command.
  const child = spawn(process.execPath, [SUPERVISOR, ...args], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: { ...process.env, INIT_CWD: process.env.INIT_CWD ?? process.cwd() },
  });
  await log.close();
  child.unref();
  return untilReady(folder, () => hasEnded(child));
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function untilReady(folder: string, isOver: () => boolean): Promise<MeshState | undefined> {
  for (;;) {
    const state = await readLiveState(folder);
    if (state?.readyUnixMs) return state;
    if (isOver()) return undefined;
    await delay(POLL_MS);
  }
}

async function lastWords(folder: string): Promise<string> {
  const text = await readFile(logFile(folder), 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-TOLD_LINES).join('\n');
}

function logFile(folder: string): string {
  return join(folder, 'logs', 'mesh.log');
}
