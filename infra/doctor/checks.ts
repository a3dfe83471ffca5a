/** What a mesh needs of this machine, looked at one by one. Nothing is fetched, started or changed. */
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { defaultModel } from '#infra/mesh/default-model.ts';
import { PROJECT_FOLDER, readLiveState, stateFolder } from '#infra/mesh/state-file.ts';
import { lookForNatsServer } from '#infra/nats/find-server.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { Finding } from './finding.ts';

const GIB = 2 ** 30;
/** The mesh of the model that comes with the project takes 1.1 GiB. */
const MIN_FREE_BYTES = 1.5 * GIB;
/** Logs, JetStream's store, the studio. */
const MIN_DISK_BYTES = GIB;
/** Packages with parts of their own for each system, which a wrong install leaves out. */
const NATIVE = ['onnxruntime-node', 'sharp'];
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Every check, in the order in which they help. `model` is the folder to serve; by default the one that comes along. */
export async function checkMachine(model?: string): Promise<Finding[]> {
  return [
    node(),
    ...NATIVE.map(nativePackage),
    await nats(),
    await checkpoint(model),
    memory(),
    state(),
    disk(),
    await mesh(),
    studio(),
  ];
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isRight = major > 24 || (major === 24 && minor >= 12);
  const found = `${process.version} on ${process.platform}-${process.arch}, ${availableParallelism()} cores`;
  return isRight
    ? { what: 'Node', severity: 'ok', found }
    : { what: 'Node', severity: 'missing', found: `${found}; 24.12 or newer is needed`, remedy: 'npm ci' };
}

function nativePackage(name: string): Finding {
  try {
    createRequire(import.meta.url)(name);
    return { what: name, severity: 'ok', found: 'loads' };
  } catch (thrown) {
    const [found = ''] = (thrown as Error).message.split('\n');
    return { what: name, severity: 'missing', found, remedy: 'npm ci' };
  }
}

async function nats(): Promise<Finding> {
  const what = 'nats-server';
  if (process.env.NATS_URL) return { what, severity: 'ok', found: `NATS_URL=${withoutPassword(process.env.NATS_URL)}` };
  try {
    const path = await lookForNatsServer();
    if (path) return { what, severity: 'ok', found: path };
    return {
      what,
      severity: 'note',
      found: 'none here: `npm start` fetches one the first time',
      remedy: 'apt install nats-server, or set NATS_SERVER or NATS_URL',
    };
  } catch (thrown) {
    return { what, severity: 'missing', found: MeshError.from(thrown).message };
  }
}

function withoutPassword(url: string): string {
  return url.replaceAll(/\/\/[^@/]*@/g, '//…@');
}

async function checkpoint(model?: string): Promise<Finding> {
  const what = 'model';
  const folder = model ?? process.env.LATENTMESH_MODEL ?? (await defaultModel());
  try {
    const { name } = await openPipeline(folder);
    return { what, severity: 'ok', found: `${name} in ${folder}` };
  } catch (thrown) {
    const remedy = 'npm start -- --model DIR, with a folder in the diffusers layout';
    return { what, severity: 'missing', found: MeshError.from(thrown).message, remedy };
  }
}

function memory(): Finding {
  const found = `${(freemem() / GIB).toFixed(1)} of ${(totalmem() / GIB).toFixed(1)} GiB free`;
  if (freemem() >= MIN_FREE_BYTES) return { what: 'memory', severity: 'ok', found };
  const remedy = 'end other programs; the mesh of the small model needs 1.5 GiB';
  return { what: 'memory', severity: 'note', found, remedy };
}

function state(): Finding {
  const folder = stateFolder();
  const nearest = existing(folder);
  try {
    accessSync(nearest, constants.W_OK);
    return { what: 'state', severity: 'ok', found: folder };
  } catch {
    const remedy = 'export LATENTMESH_STATE_DIR=~/.latentmesh';
    return { what: 'state', severity: 'missing', found: `${nearest} cannot be written`, remedy };
  }
}

function disk(): Finding {
  const { bavail, bsize } = statfsSync(existing(stateFolder()));
  const found = `${((bavail * bsize) / GIB).toFixed(1)} GiB free`;
  if (bavail * bsize >= MIN_DISK_BYTES) return { what: 'disk', severity: 'ok', found };
  return {
    what: 'disk',
    severity: 'note',
    found,
    remedy: `free some, or move the state: export LATENTMESH_STATE_DIR=…`,
  };
}

/** The folder, or the nearest one above it that is there. */
function existing(folder: string): string {
  return existsSync(folder) ? folder : existing(dirname(folder));
}

async function mesh(): Promise<Finding> {
  const what = 'mesh';
  const running = await readLiveState(stateFolder());
  if (running?.readyUnixMs)
    return { what, severity: 'ok', found: `runs at ${running.httpUrl}, process ${running.pid}` };
  if (running) return { what, severity: 'note', found: `is starting, process ${running.pid}` };
  return { what, severity: 'note', found: 'none runs here', remedy: 'npx latentmesh up' };
}

/** For the browser tests alone; the studio runs in any browser. */
function studio(): Finding {
  const what = 'studio';
  const browser = process.env.CHROMIUM_PATH ?? BROWSERS.find((path) => existsSync(path));
  if (!existsSync(join(PROJECT_FOLDER, 'node_modules', 'vite'))) {
    return { what, severity: 'note', found: 'cannot be built: Vite is not installed', remedy: 'npm ci' };
  }
  if (browser) return { what, severity: 'ok', found: `can be built and tested, with ${browser}` };
  return { what, severity: 'note', found: 'can be built; its tests need Chromium', remedy: 'apt install chromium' };
}
