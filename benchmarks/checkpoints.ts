/** The checkpoints that are measured with: random weights, made on the spot, kept in the cache. */

import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '#infra/cache-folder.ts';
import { ensureCheckpoint } from '#infra/checkpoint/default-checkpoint.ts';

/** `small` is what `npm start` serves when there is nothing else; `sd15` and `sdxl` have the shapes of Stable Diffusion 1.5 and XL. */
export type ModelSize = 'small' | 'sd15' | 'sdxl';

/** The folder of a checkpoint, written now where it is missing (`sd15`: 3 GB, `sdxl`: 7 GB). */
export function checkpoint(size: ModelSize): Promise<string> {
  return ensureCheckpoint(cacheFolder(), size);
}

/** Reads every file of a folder, so that it lies in the system's page cache. */
export async function warmPageCache(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    for await (const _ of createReadStream(join(entry.parentPath, entry.name), { highWaterMark: 2 ** 22 }));
  }
}
