/** A VAE that is used in the place of a checkpoint's own: a folder of diffusers, or a file that holds one (`vae-ft-mse-840000.safetensors`). */
import { join, resolve } from 'node:path';
import { readCheckpointJson } from './checkpoint-files.ts';
import { openComponent } from './component.ts';
import type { JsonRecord } from './json-file.ts';
import { openSingleFile, placeInFile } from './single-file/single-file.ts';

/** Where it lies, and its configuration. A file does not say how its latents are scaled: as the model's own are. */
export async function separateVae(root: string, path: string): Promise<{ folder: string; config: JsonRecord }> {
  const folder = resolve(path);
  const { config } = await openComponent(folder);
  if (!placeInFile(folder)) return { folder, config };
  return { folder, config: { ...config, scaling_factor: await scalingOf(root) } };
}

async function scalingOf(root: string): Promise<unknown> {
  const place = placeInFile(root);
  if (place) return (await openSingleFile(place.file)).family?.scalingFactor;
  return (await readCheckpointJson(join(root, 'vae', 'config.json'))).scaling_factor;
}
