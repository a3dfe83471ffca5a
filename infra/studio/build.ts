/** The studio as files that a gateway can serve: built once, and again when what it is made of has changed. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { PROJECT_FOLDER } from '#infra/mesh/state-file.ts';
import { MeshError } from '#shared/errors/errors.ts';

const SOURCE = join(PROJECT_FOLDER, 'services', 'studio');
/** Beside the files: what they were made of. */
const STAMP = 'made-of.json';

interface Stamp {
  /** Files outside of the studio's folder, from the project's root. */
  readonly modules: readonly string[];
  readonly digest: string;
}

/**
 * Sees to it that `folder` holds the studio.
 * @returns whether it had to be built
 * @throws MeshError CONFIGURATION when it must be built and Vite is not installed
 */
export async function ensureStudio(folder: string): Promise<boolean> {
  const stamp = await readStamp(folder);
  if (stamp && stamp.digest === digestOf(stamp.modules)) return false;
  const draft = `${folder}.${process.pid}`;
  const modules = await bundle(draft);
  await compress(join(draft, 'assets'));
  await writeFile(join(draft, STAMP), JSON.stringify({ modules, digest: digestOf(modules) } satisfies Stamp));
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, '..'), { recursive: true });
  await rename(draft, folder);
  return true;
}

/** Writes the bundle. @returns the modules from outside of the studio that went into it */
async function bundle(outDir: string): Promise<string[]> {
  const { build } = await import('vite').catch((cause: unknown) => {
    throw new MeshError(
      'CONFIGURATION',
      'The studio is built by Vite, which is not installed: run npm ci.',
      {},
      { cause },
    );
  });
  const modules = new Set<string>();
  await build({
    configFile: false,
    root: SOURCE,
    base: './',
    logLevel: 'error',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: { outDir, emptyOutDir: true, target: 'esnext', modulePreload: false, assetsInlineLimit: 0 },
    plugins: [
      {
        name: 'made-of',
        moduleParsed: ({ id }) => {
          const path = relative(PROJECT_FOLDER, id);
          if (/^(shared|infra)\//.test(path)) modules.add(path);
        },
      },
    ],
  });
  return [...modules].sort();
}

/** Once, as small as can be, for a gateway to send as they are. */
async function compress(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const content = await readFile(join(folder, name));
    await writeFile(join(folder, `${name}.br`), brotliCompressSync(content));
    await writeFile(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }));
  }
}

/** Of everything that goes in: the studio's folder, other modules of ours, and the versions of packages. */
function digestOf(modules: readonly string[]): string {
  const hash = createHash('sha256');
  const own = readdirSync(SOURCE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(PROJECT_FOLDER, join(entry.parentPath, entry.name)));
  for (const path of ['package.json', ...own.sort(), ...modules]) {
    hash.update(`${path}\0`).update(readOrNothing(path));
  }
  return hash.digest('hex');
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(join(PROJECT_FOLDER, path), 'utf8');
  } catch {
    return ''; // A module that is gone makes another digest, which is the point.
  }
}

async function readStamp(folder: string): Promise<Stamp | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, STAMP), 'utf8')) as Stamp;
  } catch {
    return undefined;
  }
}
