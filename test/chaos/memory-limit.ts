/** Linux's limit of a process's address space, changed while it runs. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** What a process has, bytes; of one that is gone a number that limits nothing. */
export async function addressSpaceBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const [, kib = `${2 ** 40}`] = /VmSize:\s+(\d+)/.exec(status) ?? [];
  return Number(kib) * 1024;
}

/** @returns whether it could be done: not where there is no prlimit, nor to a process that is gone */
export async function limitAddressSpace(pid: number, limit: number | 'unlimited'): Promise<boolean> {
  const soft = `--as=${limit}:`; // the hard limit stays, so that everyone may lift it again
  return promisify(execFile)('prlimit', ['--pid', `${pid}`, soft]).then(
    () => true,
    () => false,
  );
}
