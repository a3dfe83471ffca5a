/** A checkpoint made one for small pictures: services warm up at a model's own size, which takes most of their start. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** 64 × 64 pixels. */
const SMALL_SAMPLE_SIZE = 8;

/** Copies a checkpoint into a folder, and makes the copy's pictures small. Returns its path. */
export async function copySmallModel(model: string, folder: string): Promise<string> {
  const copy = join(folder, basename(model));
  await cp(model, copy, { recursive: true });
  const path = join(copy, 'unet', 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8')) as object;
  await writeFile(path, JSON.stringify({ ...config, sample_size: SMALL_SAMPLE_SIZE }));
  return copy;
}
