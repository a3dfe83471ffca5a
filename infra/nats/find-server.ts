/**
 * Finds a nats-server to run: `NATS_SERVER`, the PATH, the cache folder, and only then fetches one into the cache.
 * Why in this order, and why no release archive is downloaded: docs/adr/0011-nats-server-is-found.md.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '#infra/cache-folder.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { withFetchLock } from './fetch-lock.ts';
import { FETCH_WAYS, type FetchWay } from './fetch-server.ts';

/** The first release with everything the mesh uses: JetStream work queues with `discard_new`, object stores. */
const OLDEST_VERSION = '2.9.0';

/** Where to look, whom to tell, and which ways to try when there is none. */
export interface FindOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told before something slow is tried. By default a line on stderr. */
  readonly report?: (line: string) => void;
  readonly ways?: readonly FetchWay[];
}

/**
 * The path of a nats-server binary that runs here. Safe to call from many processes at once: only one fetches.
 * @throws MeshError CONFIGURATION when `NATS_SERVER` names something else; NATS_SERVER_MISSING when no way worked
 */
export async function findNatsServer(options: FindOptions = {}): Promise<string> {
  const { env = process.env } = options;
  return (await lookForNatsServer(env)) ?? fetchOnce(join(cacheFolder(env), 'bin'), options);
}

/** Where {@link findNatsServer} would find one without fetching it. @throws MeshError CONFIGURATION as there */
export async function lookForNatsServer(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string | undefined> {
  if (env.NATS_SERVER) return explicit(env.NATS_SERVER);
  return (await onPath(env)) ?? cached(join(cacheFolder(env), 'bin'));
}

async function explicit(path: string): Promise<string> {
  const version = await serverVersion(path);
  if (isRecent(version)) return path;
  const finding = version ? `is version ${version}` : 'does not run as a nats-server';
  throw new MeshError(
    'CONFIGURATION',
    `NATS_SERVER=${path} ${finding}. Point it at nats-server ${OLDEST_VERSION} or newer, or unset it.`,
    { path, version },
  );
}

async function onPath(env: Readonly<Record<string, string | undefined>>): Promise<string | undefined> {
  for (const folder of (env.PATH ?? '').split(':').filter(Boolean)) {
    const path = join(folder, 'nats-server');
    if (isRecent(await serverVersion(path))) return path;
  }
  return undefined;
}

async function cached(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => []);
  const newestFirst = names
    .filter((name) => /^nats-server-\d+\.\d+\.\d+$/.test(name))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  for (const name of newestFirst) {
    const path = join(folder, name);
    if (isRecent(await serverVersion(path))) return path;
  }
  return undefined;
}

async function fetchOnce(folder: string, options: FindOptions): Promise<string> {
  await mkdir(folder, { recursive: true });
  // Whoever waited for the lock finds what the holder fetched.
  return withFetchLock(
    join(folder, 'fetch.lock'),
    async () => (await cached(folder)) ?? (await fetchInto(folder, options)),
  );
}

async function fetchInto(folder: string, { ways = FETCH_WAYS, report = reportOnStderr }: FindOptions): Promise<string> {
  const failures: Record<string, string> = {};
  for (const way of ways) {
    report(`No nats-server here yet: trying ${way.name}${way.note ? `, ${way.note}` : ''}.`);
    try {
      return await fetchBy(way, folder);
    } catch (error) {
      failures[way.name] = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    }
  }
  throw new MeshError(
    'NATS_SERVER_MISSING',
    'There is no nats-server on this machine and none could be fetched. Install it from your package manager ' +
      '(apt install nats-server, brew install nats-server) or https://nats.io/download, or set NATS_SERVER to its path, ' +
      'or set NATS_URL to a server that already runs.',
    { tried: failures },
  );
}

async function fetchBy(way: FetchWay, folder: string): Promise<string> {
  const workspace = await mkdtemp(join(folder, 'fetch-'));
  try {
    const binary = await way.fetch(workspace);
    const version = await serverVersion(binary);
    if (!isRecent(version)) throw new Error(`the binary does not run or is older than ${OLDEST_VERSION}`);
    const path = join(folder, `nats-server-${version}`);
    await rename(binary, path);
    return path;
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
}

/** The version that a binary reports, undefined when it is not there or is no nats-server. */
export async function serverVersion(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 10_000 });
    return /^nats-server: v(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

function isRecent(version: string | undefined): version is string {
  return version !== undefined && version.localeCompare(OLDEST_VERSION, 'en', { numeric: true }) >= 0;
}

function reportOnStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}
