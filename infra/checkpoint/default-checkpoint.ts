/** The checkpoint to serve when there is no other: made once, in the cache. */
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCheckpoint } from './write-checkpoint.ts';

/** The folder's name is the model's name; to be counted up when what is written changes. */
const FOLDER = 'untrained-1';

/**
 * Folder of the small untrained checkpoint; writes it when it is not there (26 MB, about a second).
 * Processes that come at once each write their own, and the first to finish gives its to all.
 */
export async function ensureDefaultCheckpoint(cacheDir: string): Promise<string> {
  const parent = join(cacheDir, 'checkpoints');
  const folder = join(parent, FOLDER);
  if (await isThere(folder)) return folder;
  await mkdir(parent, { recursive: true });
  const partial = await mkdtemp(join(parent, `.${FOLDER}-`));
  try {
    await writeCheckpoint(partial);
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!(await isThere(folder))) throw error;
  }
  return folder;
}

async function isThere(folder: string): Promise<boolean> {
  return access(join(folder, 'model_index.json')).then(
    () => true,
    () => false,
  );
}
