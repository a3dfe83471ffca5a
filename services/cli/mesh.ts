/** The mesh a command talks to: the one named by NATS_URL, the one that runs on this machine, or one of its own. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '#infra/is-alive.ts';
import { type MeshState, readLiveState, stateFolder } from '#infra/mesh/state-file.ts';
import { connectNats, type NatsTransport } from '#shared/bus/nats-transport.ts';
import { MeshConnection } from '#shared/client/mesh.ts';
import { MeshError } from '#shared/errors/errors.ts';

/** A connection to it, and whether this command started it. */
export interface Mesh {
  readonly client: MeshConnection;
  readonly transport: NatsTransport;
  /** Started for this command and gone after it. */
  readonly isOwn: boolean;
  /** Leaves it, and ends it when it is the command's own. */
  close(): Promise<void>;
}

/** Which mesh will do, and whether one may be started. */
export interface OpenOptions {
  /** Folder of the model that the mesh must serve. */
  readonly model?: string;
  /** Starts a mesh when none runs; told before. Left out: that is an error. */
  readonly onStart?: (text: string) => void;
}

const POLL_MS = 100;

/** @throws MeshError BUS_UNAVAILABLE when no mesh runs and none may be started; UNKNOWN_MODEL when it serves another model */
export async function openMesh({ model, onStart }: OpenOptions = {}): Promise<Mesh> {
  if (process.env.NATS_URL) return joinMesh(process.env.NATS_URL);
  const state = await untilReady(stateFolder());
  if (state) {
    if (model !== undefined) checkModel(state, resolve(model));
    return joinMesh(state.natsUrl!);
  }
  if (!onStart) {
    throw new MeshError('BUS_UNAVAILABLE', 'No mesh runs here. Start one with `npm start`, or set NATS_URL.');
  }
  onStart('No mesh runs here: starting one for this command. `npm start` keeps one running.');
  const { startOwnMesh } = await import('./own-mesh.ts');
  const own = await startOwnMesh(model);
  const mesh = await joinMesh(own.natsUrl);
  return { ...mesh, isOwn: true, close: () => mesh.close().then(own.stop) };
}

async function joinMesh(natsUrl: string): Promise<Mesh> {
  const transport = await connectNats({
    url: natsUrl,
    name: 'latentmesh-cli',
    identity: 'client',
    nkeyFile: process.env.LATENTMESH_NATS_NKEY_FILE,
    caFile: process.env.LATENTMESH_NATS_CA_FILE,
  });
  const client = new MeshConnection(transport);
  return { client, transport, isOwn: false, close: () => transport.close() };
}

/** The state of the mesh on this machine; waits for one that is about to be ready. */
async function untilReady(folder: string): Promise<MeshState | undefined> {
  let state = await readLiveState(folder);
  while (state && !state.readyUnixMs && isAlive(state.pid)) {
    await delay(POLL_MS);
    state = await readLiveState(folder);
  }
  return state;
}

function checkModel(state: MeshState, wanted: string): void {
  if (state.model === undefined || realPath(state.model) === realPath(wanted)) return;
  throw new MeshError(
    'UNKNOWN_MODEL',
    `The mesh that runs here serves ${state.model}, not ${wanted}. Leave --model out, or stop it and run this again.`,
    { running: state.model, wanted },
  );
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
