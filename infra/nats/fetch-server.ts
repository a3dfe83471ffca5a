/** Ways to get a nats-server binary onto this machine without root. Each leaves the binary in `folder` and returns its path. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The version built from source; kept in step with docs/adr/0011-nats-server-is-found.md. */
export const NATS_SERVER_VERSION = '2.15.2';

/** Compiling takes about a minute on two cores. */
const COMPILE_TIMEOUT_MS = 5 * 60_000;
const DOWNLOAD_TIMEOUT_MS = 60_000;

/** One way, and how it is called in messages. */
export interface FetchWay {
  readonly name: string;
  /** What people should know while they wait. */
  readonly note?: string;
  readonly fetch: (folder: string) => Promise<string>;
}

/** In the order in which they are tried. */
export const FETCH_WAYS: readonly FetchWay[] = [
  { name: 'go install', note: 'takes about a minute', fetch: goInstall },
  { name: 'apt-get download', fetch: aptDownload },
];

/** The Go checksum database vouches for the source. */
async function goInstall(folder: string): Promise<string> {
  const env = { ...process.env, GOBIN: folder, CGO_ENABLED: '0' };
  const module = `github.com/nats-io/nats-server/v2@v${NATS_SERVER_VERSION}`;
  await run('go', ['install', '-trimpath', module], { env, cwd: folder, timeout: COMPILE_TIMEOUT_MS });
  return join(folder, 'nats-server');
}

/** apt checks the package's signature; unpacking instead of installing needs no root. */
async function aptDownload(folder: string): Promise<string> {
  const options = { cwd: folder, timeout: DOWNLOAD_TIMEOUT_MS };
  const download = () => run('apt-get', ['download', 'nats-server'], options);
  try {
    await download();
  } catch (error) {
    // Container images come without package lists.
    if (process.getuid?.() !== 0 || (error as NodeJS.ErrnoException).code === 'ENOENT') throw error;
    await run('apt-get', ['update'], options);
    await download();
  }
  const archive = (await readdir(folder)).find((name) => name.endsWith('.deb')) ?? '';
  await run('dpkg', ['-x', archive, 'unpacked'], options);
  return join(folder, 'unpacked', 'usr', 'sbin', 'nats-server');
}
