/** The job that was last started here, so that `trace` and `cancel` need no name. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stateFolder } from '#infra/mesh/state-file.ts';
import { MeshError } from '#shared/errors/errors.ts';

/** Writes down the job that was started just now. */
export async function rememberJob(job: string): Promise<void> {
  await mkdir(stateFolder(), { recursive: true, mode: 0o700 });
  await writeFile(file(), job);
}

/** @throws MeshError UNKNOWN_JOB when there was none */
export async function lastJob(): Promise<string> {
  try {
    return await readFile(file(), 'utf8');
  } catch {
    throw new MeshError(
      'UNKNOWN_JOB',
      'No job was started from here yet: name one, or run `latentmesh generate` first.',
    );
  }
}

function file(): string {
  return join(stateFolder(), 'last-job');
}
