/** Loads a checkpoint's tokenizer: `vocab.json` with `merges.txt`, or the `tokenizer.json` that newer libraries write. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord, type JsonRecord, readJsonFile, readTextFile } from '#shared/checkpoint/json-file.ts';
import { tokenizerPlace } from '#shared/checkpoint/tokenizer-place.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { ClipTextConfig } from '#shared/tensor/network-config.ts';
import { createTokenizer, END_TOKEN, type Tokenizer, type TokenizerDefinition } from './tokenizer.ts';

/**
 * The tokenizer in a folder, for a text encoder of this configuration.
 * @throws MeshError FILE_UNREADABLE; CONFIG_INVALID naming the file when it is broken or made for another text encoder.
 */
export async function loadTokenizer(
  folder: string,
  { vocabSize, maxPositions }: Pick<ClipTextConfig, 'vocabSize' | 'maxPositions'>,
): Promise<Tokenizer> {
  const definition = await readDefinition(folder);
  for (const [token, id] of definition.vocab) {
    if (id < vocabSize) continue;
    const problem = `token ${JSON.stringify(token)} has id ${id}, the text encoder knows ${vocabSize}`;
    throw broken(folder, problem);
  }
  return createTokenizer(definition, maxPositions);
}

async function readDefinition(place: string): Promise<TokenizerDefinition> {
  const { folder, padToken = await readPadToken(folder) } = await tokenizerPlace(place);
  if (!(await exists(join(folder, 'vocab.json'))) && (await exists(join(folder, 'tokenizer.json')))) {
    return { ...(await readTokenizerJson(join(folder, 'tokenizer.json'))), padToken };
  }
  const [vocabPath, mergesPath] = [join(folder, 'vocab.json'), join(folder, 'merges.txt')];
  // One after the other, so that a folder without either is always the same error.
  const vocab = parseVocab(vocabPath, await readJsonFile(vocabPath));
  const merges = parseMerges(mergesPath, linesOf(await readTextFile(mergesPath)));
  return { vocab, merges, padToken };
}

/** Merges have a version in their first line; a line may well begin with `#` otherwise. */
function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version'));
}

async function readTokenizerJson(path: string): Promise<Pick<TokenizerDefinition, 'vocab' | 'merges'>> {
  const { model } = await readJsonFile(path);
  if (!isRecord(model) || !isRecord(model.vocab) || !Array.isArray(model.merges)) {
    throw broken(path, 'it has no model.vocab and model.merges');
  }
  return { vocab: parseVocab(path, model.vocab), merges: parseMerges(path, model.merges) };
}

function parseVocab(path: string, vocab: JsonRecord): Map<string, number> {
  const tokens = new Map<string, number>();
  const taken = new Set<number>();
  for (const [token, id] of Object.entries(vocab)) {
    if (!Number.isSafeInteger(id) || (id as number) < 0) throw broken(path, `${JSON.stringify(token)} has no id`);
    if (taken.has(id as number)) throw broken(path, `id ${String(id)} is given twice`);
    taken.add(id as number);
    tokens.set(token, id as number);
  }
  return tokens;
}

function parseMerges(path: string, merges: readonly unknown[]): [string, string][] {
  return merges.map((merge, i) => {
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    const isPair =
      Array.isArray(pair) && pair.length === 2 && pair.every((side) => typeof side === 'string' && side !== '');
    if (!isPair) throw broken(path, `merge ${i + 1} is ${JSON.stringify(merge)}, two tokens are needed`);
    return pair as [string, string];
  });
}

/** A token stands there as text, or as an object with its `content`. */
async function readPadToken(folder: string): Promise<string> {
  for (const name of ['tokenizer_config.json', 'special_tokens_map.json']) {
    const path = join(folder, name);
    if (!(await exists(path))) continue;
    const { pad_token: token } = await readJsonFile(path);
    const content = isRecord(token) ? token.content : token;
    if (typeof content === 'string') return content;
  }
  return END_TOKEN;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function broken(path: string, problem: string): MeshError {
  return new MeshError('CONFIG_INVALID', `${path} is no tokenizer of CLIP: ${problem}.`, { file: path });
}
