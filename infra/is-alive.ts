/** Whether a process still runs, by its id. */
import { readFileSync } from 'node:fs';

/** Whether a process with this id exists, ours or another user's. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Whether the process with this id is the one that was started with `commandPart` in its command line: ids are given out
 * again, after a restart of a container most likely at once. Where there is no /proc the id alone decides.
 */
export function isSameProcess(pid: number, commandPart: string): boolean {
  if (!isAlive(pid)) return false;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(commandPart);
  } catch {
    return process.platform !== 'linux';
  }
}
