/** A component's folder in the diffusers layout (`unet/`, `vae/`, `text_encoder/`, a ControlNet): configuration and weights. */
import { resolve } from 'node:path';
import { ComponentWeights } from './component-weights.ts';
import { type JsonRecord, readJsonFile } from './json-file.ts';
import { openSafetensors } from './safetensors.ts';
import { findWeightFiles } from './weight-files.ts';

/** An opened component: nothing of its weights is in memory. */
export interface Component {
  /** Absolute. */
  readonly folder: string;
  /** `config.json` as it stands; the parsers of `*-config.ts` read it. */
  readonly config: JsonRecord;
  readonly weights: ComponentWeights;
}

/** Where a component's configuration stands. */
export function configPath(folder: string): string {
  return resolve(folder, 'config.json');
}

/**
 * Opens a component: reads its configuration and the headers of its weight files, no weights.
 * @throws MeshError FILE_UNREADABLE, CONFIG_INVALID or SAFETENSORS_INVALID, naming the file.
 */
export async function openComponent(folder: string): Promise<Component> {
  const absolute = resolve(folder);
  const [config, found] = await Promise.all([readJsonFile(configPath(absolute)), findWeightFiles(absolute)]);
  const files = await Promise.all(found.files.map((name) => openSafetensors(resolve(found.folder, name))));
  return { folder: absolute, config, weights: new ComponentWeights(absolute, found.folder, files) };
}
