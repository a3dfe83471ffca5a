/** The model to serve when none is named. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '#infra/cache-folder.ts';
import { PROJECT_FOLDER } from './state-file.ts';

/** The trained small model that comes with the project; without it a checkpoint with random weights, made once. */
export async function defaultModel(): Promise<string> {
  const pocket = join(PROJECT_FOLDER, 'models', 'pocket');
  if (existsSync(join(pocket, 'model_index.json'))) return pocket;
  const { ensureDefaultCheckpoint } = await import('#infra/checkpoint/default-checkpoint.ts');
  return ensureDefaultCheckpoint(cacheFolder());
}
