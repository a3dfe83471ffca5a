/** JSON files of a checkpoint: read with a size limit, parsed, and known to be an object. */
import { readFile, stat } from 'node:fs/promises';
import { MeshError } from '#shared/errors/errors.ts';
import { unreadable } from './file-error.ts';

/** A JSON object of which nothing more is known. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** bytes; the largest real one, a tokenizer.json of CLIP, has 3.6 MB. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

/** Whether a parsed value is an object: no list, no null. */
export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Text of a small file.
 * @throws MeshError FILE_UNREADABLE when it is missing, unreadable or over 64 MiB.
 */
export async function readTextFile(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_JSON_BYTES) {
      throw new MeshError('FILE_UNREADABLE', `${path} has ${size} bytes, ${MAX_JSON_BYTES} are allowed.`, {
        file: path,
      });
    }
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/**
 * The object in a JSON file.
 * @throws MeshError FILE_UNREADABLE; CONFIG_INVALID when it is no JSON or no object.
 */
export async function readJsonFile(path: string): Promise<JsonRecord> {
  const text = await readTextFile(path);
  let parsed: unknown;
  try {
    parsed = JSON.parse(quotePythonNumbers(text));
  } catch (cause) {
    throw new MeshError(
      'CONFIG_INVALID',
      `${path} is no JSON: ${(cause as Error).message}.`,
      { file: path },
      { cause },
    );
  }
  if (!isRecord(parsed)) throw new MeshError('CONFIG_INVALID', `${path} has to hold a JSON object.`, { file: path });
  return parsed;
}

/**
 * Python writes numbers that JSON does not have: `"lambda_min_clipped": -Infinity` stands in scheduler configurations.
 * They become the strings "-Infinity", "Infinity" and "NaN"; what stands inside a string stays.
 */
function quotePythonNumbers(text: string): string {
  return text.replaceAll(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (found) =>
    found.startsWith('"') ? found : `"${found}"`,
  );
}
