/** Checkpoints of random weights in the cache, each made once: the one to serve when there is no other, and larger ones to measure with. */
import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CHECKPOINT_PARTS, type CheckpointOptions, writeCheckpoint } from './write-checkpoint.ts';

/** A folder's name is the model's name; to be counted up when what is written changes. */
const FOLDERS = {
  small: 'untrained-1',
  sd15: 'untrained-sd15-1',
  sdxl: 'untrained-sdxl-1',
} as const satisfies Record<NonNullable<CheckpointOptions['size']>, string>;

/** ControlNets and LoRAs of SDXL would be 6 GB more. */
const SDXL_PARTS = CHECKPOINT_PARTS.filter((part) => part !== 'controlnets' && part !== 'loras');

/** Folder of the small untrained checkpoint; writes it when it is not there (26 MB, about a second). */
export function ensureDefaultCheckpoint(cacheDir: string): Promise<string> {
  return ensureCheckpoint(cacheDir, 'small');
}

/**
 * Folder of an untrained checkpoint; writes it when it is not there (`sd15`: 3 GB, `sdxl`: 7 GB).
 * Processes that come at once each write their own, and the first to finish gives its to all.
 */
export async function ensureCheckpoint(cacheDir: string, size: keyof typeof FOLDERS): Promise<string> {
  const parent = join(cacheDir, 'checkpoints');
  const folder = join(parent, FOLDERS[size]);
  if (await isThere(folder)) return folder;
  await mkdir(parent, { recursive: true });
  const partial = await mkdtemp(join(parent, `.${FOLDERS[size]}-`));
  try {
    await writeCheckpoint(partial, { size, ...(size === 'sdxl' && { parts: SDXL_PARTS }) });
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
