/** Which files of a component's folder hold its weights: one safetensors file, an fp16 variant, or shards with an index. */
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import { unreadable } from './file-error.ts';
import { isRecord, readJsonFile } from './json-file.ts';

/** The weight files of one component, links resolved. */
export interface WeightFiles {
  /** Absolute; the one folder that all files are in. */
  readonly folder: string;
  /** File names in `folder`. */
  readonly files: readonly string[];
}

/** In order of preference: full precision first, a file before shards. */
const SINGLE_FILES = ['diffusion_pytorch_model', 'model'].map((base) => [
  `${base}.safetensors`,
  `${base}.safetensors.index.json`,
  `${base}.fp16.safetensors`,
  `${base}.safetensors.index.fp16.json`,
  `${base}.fp16.safetensors.index.json`,
]);
const PICKLE = /\.(?:bin|ckpt|pth?|pkl)$/;
/** SDXL's UNet in f32 has 3, no component of a few GB has more than some dozens. */
const MAX_SHARDS = 1000;

/**
 * Finds a component's weights.
 * @throws MeshError FILE_UNREADABLE when there are none in a format that is read; CONFIG_INVALID when a shard index is broken.
 */
export async function findWeightFiles(folder: string): Promise<WeightFiles> {
  const present = await listFolder(folder);
  const found = SINGLE_FILES.flat().find((name) => present.includes(name));
  if (!found) throw noWeights(folder, present);
  const names = found.endsWith('.json') ? await shardsOf(join(folder, found)) : [found];
  return inOneFolder(folder, await Promise.all(names.map((name) => resolveLink(join(folder, name)))));
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    throw unreadable(folder, cause);
  }
}

function noWeights(folder: string, present: readonly string[]): MeshError {
  const pickles = present.filter((name) => PICKLE.test(name));
  const message =
    pickles.length > 0
      ? `${folder} holds its weights only as ${pickles.join(', ')}, a format that can run code when it is read and is therefore refused. ` +
        'Convert it: load the model with diffusers and call save_pretrained(folder, safe_serialization=True).'
      : `${folder} has no weights: diffusion_pytorch_model.safetensors or model.safetensors is needed.`;
  return new MeshError('FILE_UNREADABLE', message, { folder, present: present.slice(0, 20) });
}

async function shardsOf(indexPath: string): Promise<string[]> {
  const { weight_map: weightMap } = await readJsonFile(indexPath);
  const names = isRecord(weightMap) ? [...new Set(Object.values(weightMap))] : [];
  const isShardName = (name: unknown): name is string =>
    typeof name === 'string' && name.endsWith('.safetensors') && basename(name) === name;
  if (names.length === 0 || names.length > MAX_SHARDS || !names.every(isShardName)) {
    throw new MeshError('CONFIG_INVALID', `${indexPath}: weight_map has to name .safetensors files beside it.`, {
      file: indexPath,
    });
  }
  return names.sort();
}

async function resolveLink(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** A session takes external data from one folder; the hub's cache, where every file is a link, keeps its blobs in one. */
function inOneFolder(shown: string, paths: readonly string[]): WeightFiles {
  const folders = [...new Set(paths.map((path) => dirname(path)))];
  if (folders.length > 1) {
    throw new MeshError(
      'FILE_UNREADABLE',
      `The weight files of ${shown} are links into different folders (${folders.join(', ')}); put them into one.`,
      { folder: shown, folders },
    );
  }
  return { folder: folders[0]!, files: paths.map((path) => basename(path)) };
}
