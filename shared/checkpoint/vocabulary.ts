/** The words that a model was trained on, where it knows few: `vocabulary.json` beside `model_index.json`, optional. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import { readJsonFile } from './json-file.ts';

/** A small world of words. */
export interface Vocabulary {
  /** In lower case. */
  readonly words: ReadonlySet<string>;
  /** Prompts that work, to be told to those who asked for something else. */
  readonly examples: readonly string[];
}

const FILE_NAME = 'vocabulary.json';

/**
 * Reads a model's vocabulary; `undefined` for the many models that have none.
 * @throws MeshError FILE_UNREADABLE, CONFIG_INVALID
 */
export async function readVocabulary(folder: string): Promise<Vocabulary | undefined> {
  const path = join(folder, FILE_NAME);
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  const { words, examples } = await readJsonFile(path);
  if (!isTexts(words) || !isTexts(examples)) {
    const text = `${path}: words and examples have to be lists of texts.`;
    throw new MeshError('CONFIG_INVALID', text, { file: path });
  }
  return { words: new Set(words), examples };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
