/** A folder for one test file, removed when its tests have run. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** Its path, links resolved. To be called at the top of a test file. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'latentmesh-test-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
