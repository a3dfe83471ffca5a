/**
 * One fetch at a time on this machine. The lock only saves work: what is fetched is renamed into place in one step, so two
 * fetches (after a stale lock was removed twice) end with one good file.
 */
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '#infra/is-alive.ts';

/** Longer than the slowest fetch, a compilation on a small machine. */
const STALE_AFTER_MS = 10 * 60_000;
const POLL_MS = 200;

/** Runs `work` while holding the lock file; waits for whoever holds it, and takes over from one who died. */
export async function withFetchLock<T>(lockFile: string, work: () => Promise<T>): Promise<T> {
  while (!(await tryLock(lockFile))) {
    if (await isStale(lockFile)) await rm(lockFile, { force: true });
    else await delay(POLL_MS);
  }
  try {
    return await work();
  } finally {
    await rm(lockFile, { force: true });
  }
}

async function tryLock(lockFile: string): Promise<boolean> {
  try {
    await writeFile(lockFile, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(lockFile: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(lockFile);
    if (Date.now() - mtimeMs > STALE_AFTER_MS) return true;
    const owner = Number(await readFile(lockFile, 'utf8'));
    // Just created, the owner not written yet.
    return owner > 0 && !isAlive(owner);
  } catch {
    return false; // Released meanwhile.
  }
}
