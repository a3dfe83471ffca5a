/**
 * `mesh.json`: which mesh runs on this machine, for the command line to find and for a second start to notice. It belongs to
 * the supervisor that claimed it.
 */
import { accessSync, constants } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isSameProcess } from '#infra/is-alive.ts';
import { MeshError, type WireError } from '#shared/errors/errors.ts';

/** One process of the mesh: enough to recognise it after its supervisor was killed. */
export interface MeshProcess {
  readonly name: string;
  readonly pid: number;
  /** A part of its command line that no other program has. */
  readonly command: string;
}

/** What one supervisor tells others of the mesh that it runs. */
export interface MeshState {
  readonly pid: number;
  readonly startedUnixMs: number;
  /** Set when every service is ready; until then the addresses may be missing. */
  readonly readyUnixMs?: number;
  readonly natsUrl?: string;
  readonly httpUrl?: string;
  /** Absolute folder of the model. */
  readonly model?: string;
  readonly processes: readonly MeshProcess[];
  /** How the latest rolling restart ended. */
  readonly restart?: { readonly endedUnixMs: number; readonly error?: WireError };
}

const POLL_MS = 10;
/** The root of this project, absolute. */
export const PROJECT_FOLDER = resolve(import.meta.dirname, '..', '..');
const SUPERVISOR_COMMAND = join('infra', 'mesh', 'main.ts');

/**
 * Where the mesh keeps what it needs to run: `LATENTMESH_STATE_DIR`, else `.latentmesh` in the project, else (the project
 * is installed somewhere read-only) `$XDG_STATE_HOME/latentmesh`.
 */
export function stateFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env.LATENTMESH_STATE_DIR) return resolve(env.LATENTMESH_STATE_DIR);
  try {
    accessSync(PROJECT_FOLDER, constants.W_OK);
    return join(PROJECT_FOLDER, '.latentmesh');
  } catch {
    return join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'latentmesh');
  }
}

/** The state of the mesh that this process supervises. */
export class StateFile {
  /** Absolute; its other contents are the mesh's as well: logs, the JetStream store. */
  readonly folder: string;
  /** Names of processes that a killed supervisor had left running, ended by {@link StateFile.claim}. */
  readonly leftovers: readonly string[];
  #state: MeshState = { pid: process.pid, startedUnixMs: Date.now(), processes: [] };
  #written: Promise<void> = Promise.resolve();

  private constructor(folder: string, leftovers: readonly string[]) {
    this.folder = folder;
    this.leftovers = leftovers;
  }

  /**
   * Makes the folder this supervisor's, and ends what a killed one left running there: a second nats-server on the same
   * store would spoil it.
   * @throws MeshError CONFIGURATION when a mesh runs from this folder
   */
  static async claim(folder: string): Promise<StateFile> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const former = await readState(folder);
    if (former && isLive(former)) throw alreadyRuns(former, folder);
    const file = new StateFile(folder, former ? await endLeftovers(former) : []);
    await file.update({});
    return file;
  }

  /** Replaces the file in one step, and updates one after another: a reader sees one state or the next. */
  update(change: Partial<MeshState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    const content = `${JSON.stringify(this.#state, undefined, 2)}\n`;
    this.#written = this.#written.then(async () => {
      const draft = join(this.folder, `mesh.json.${process.pid}`);
      await writeFile(draft, content, { mode: 0o600 });
      await rename(draft, stateFile(this.folder));
    });
    return this.#written;
  }

  async release(): Promise<void> {
    await this.#written;
    await rm(stateFile(this.folder), { force: true });
  }
}

/** The mesh that runs from this folder, undefined when none does. */
export async function readLiveState(folder: string): Promise<MeshState | undefined> {
  const state = await readState(folder);
  return state && isLive(state) ? state : undefined;
}

function alreadyRuns({ httpUrl, pid }: MeshState, folder: string): MeshError {
  const where = httpUrl ? ` at ${httpUrl}` : '';
  return new MeshError(
    'CONFIGURATION',
    `A mesh already runs here${where}, process ${pid}. Stop it first, or set LATENTMESH_STATE_DIR to another folder.`,
    { pid, folder },
  );
}

async function endLeftovers(former: MeshState): Promise<readonly string[]> {
  const alive = former.processes.filter(({ pid, command }) => isSameProcess(pid, command));
  for (const { pid } of alive) process.kill(pid, 'SIGKILL');
  while (alive.some(({ pid, command }) => isSameProcess(pid, command))) await delay(POLL_MS);
  return alive.map(({ name }) => name);
}

function stateFile(folder: string): string {
  return join(folder, 'mesh.json');
}

function isLive({ pid }: MeshState): boolean {
  // After a restart of a container the newcomer can have the former's id.
  return pid !== process.pid && isSameProcess(pid, SUPERVISOR_COMMAND);
}

async function readState(folder: string): Promise<MeshState | undefined> {
  try {
    return JSON.parse(await readFile(stateFile(folder), 'utf8')) as MeshState;
  } catch {
    return undefined; // None, or one that an interrupted machine left half-written: no mesh runs.
  }
}
