/** Files of a checkpoint, be it a folder or a single file: a path that leads into a single file is answered from its header. */
import { access } from 'node:fs/promises';
import { MeshError } from '#shared/errors/errors.ts';
import { type JsonRecord, readJsonFile } from './json-file.ts';
import { openSingleFile, placeInFile } from './single-file/single-file.ts';

/** Whether there is such a file. @throws MeshError as `openSingleFile` */
export async function hasCheckpointFile(path: string): Promise<boolean> {
  const place = placeInFile(path);
  if (place?.inside) return (await openSingleFile(place.file)).records.has(place.inside);
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The object in a JSON file. @throws MeshError as `readJsonFile` and `openSingleFile` */
export async function readCheckpointJson(path: string): Promise<JsonRecord> {
  const place = placeInFile(path);
  if (!place?.inside) return readJsonFile(path);
  const { records } = await openSingleFile(place.file);
  const record = records.get(place.inside);
  if (record) return record;
  const part = place.inside.split('/')[0];
  throw new MeshError('CONFIG_INVALID', `${place.file} holds no ${part}.`, { file: place.file, part });
}
