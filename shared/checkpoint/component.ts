/** One network of a checkpoint: its folder in the diffusers layout (`unet/`, `vae/`, a ControlNet), or its part of a single file. */
import { dirname, resolve } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import { ComponentWeights } from './component-weights.ts';
import { type JsonRecord, readJsonFile } from './json-file.ts';
import { openSafetensors } from './safetensors.ts';
import type { FilePart } from './single-file/parts.ts';
import { openSingleFile, type PlaceInFile, placeInFile } from './single-file/single-file.ts';
import { findWeightFiles } from './weight-files.ts';

/** An opened component: nothing of its weights is in memory. */
export interface Component {
  /** Absolute; may lead into a single file. */
  readonly folder: string;
  /** `config.json` as it stands, or would stand; the parsers of `*-config.ts` read it. */
  readonly config: JsonRecord;
  readonly weights: ComponentWeights;
}

/** Where a component's configuration stands. */
export function configPath(folder: string): string {
  return resolve(folder, 'config.json');
}

/**
 * Opens a component: reads its configuration and the headers of its weight files, no weights.
 *
 * folder   of the component; or a `.safetensors` file that holds it alone, or a path into one that holds more
 * @throws MeshError FILE_UNREADABLE, CONFIG_INVALID or SAFETENSORS_INVALID, naming the file.
 */
export async function openComponent(folder: string): Promise<Component> {
  const absolute = resolve(folder);
  const place = placeInFile(absolute);
  if (place) return openInFile(absolute, place);
  const [config, found] = await Promise.all([readJsonFile(configPath(absolute)), findWeightFiles(absolute)]);
  const files = await Promise.all(found.files.map((name) => openSafetensors(resolve(found.folder, name))));
  return { folder: absolute, config, weights: new ComponentWeights(absolute, found.folder, files) };
}

async function openInFile(shown: string, { file: path, inside }: PlaceInFile): Promise<Component> {
  const { file, parts, records } = await openSingleFile(path);
  const part = inside === '' ? [...parts.keys()][0]! : (inside as FilePart);
  const found = parts.get(part);
  if (!found || (inside === '' && parts.size > 1)) throw notAlone(path, part, [...parts.keys()]);
  const weights = new ComponentWeights(shown, dirname(file.path), [{ ...file, tensors: found.tensors }]);
  return { folder: shown, config: records.get(`${part}/config.json`)!, weights };
}

function notAlone(path: string, part: string, parts: readonly FilePart[]): MeshError {
  const text = `${path} holds ${parts.join(', ')}, a file with one network${part ? ` (${part})` : ''} is needed.`;
  return new MeshError('CONFIG_INVALID', text, { file: path, parts });
}
