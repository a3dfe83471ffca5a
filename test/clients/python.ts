/** A Python environment with a package in it, made once in the cache folder: outside clients are tested as people run them. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '#infra/cache-folder.ts';

const run = promisify(execFile);
const INSTALL_TIMEOUT_MS = 120_000;

/** The environment's interpreter, or the reason why there is none. */
export type PythonWith = { readonly python: string } | { readonly missing: string };

/** `requirement`: `webuiapi==0.9.17`. */
export async function pythonWith(requirement: string): Promise<PythonWith> {
  const folder = join(cacheFolder(), 'python', requirement.replaceAll('==', '-'));
  const python = join(folder, 'bin', 'python');
  if (existsSync(join(folder, 'ready'))) return { python };
  try {
    await rm(folder, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', folder], { timeout: INSTALL_TIMEOUT_MS });
    await run(python, ['-m', 'pip', 'install', '--quiet', requirement], { timeout: INSTALL_TIMEOUT_MS });
    await run(python, ['-c', `open(${JSON.stringify(join(folder, 'ready'))}, 'w')`]);
    return { python };
  } catch (error) {
    const [first = ''] = String((error as { stderr?: string }).stderr || error).split('\n');
    return { missing: `${requirement} cannot be installed for Python: ${first.slice(0, 200)}` };
  }
}

/** Runs a script of ours; what it prints last is JSON. */
export async function runPython(python: string, args: readonly string[]): Promise<unknown> {
  const { stdout } = await run(python, [...args], { timeout: INSTALL_TIMEOUT_MS });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!);
}
