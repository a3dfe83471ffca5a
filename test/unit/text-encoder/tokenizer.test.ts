import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BYTE_LETTERS } from '#shared/checkpoint/byte-letters.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';
import { createTokenizer } from '../../../services/text-encoder/tokenizer.ts';
import { loadTokenizer } from '../../../services/text-encoder/tokenizer-files.ts';

const folder = await temporaryFolder();

const TOKENS = [
  ...BYTE_LETTERS,
  ...BYTE_LETTERS.map((letter) => `${letter}</w>`),
  'ca',
  'cat</w>',
  '<|startoftext|>',
  '<|endoftext|>',
];
const VOCAB = Object.fromEntries(TOKENS.map((token, id) => [token, id]));
const MERGES = ['c a', 'ca t</w>'];
const SIZE = { vocabSize: TOKENS.length, maxPositions: 8 };
const CAT = VOCAB['cat</w>']!;
const START = VOCAB['<|startoftext|>']!;
const END = VOCAB['<|endoftext|>']!;

let folders = 0;

async function tokenizerFolder(files: Record<string, string>): Promise<string> {
  const into = join(folder, String(folders++));
  await mkdir(into);
  for (const [name, text] of Object.entries(files)) await writeFile(join(into, name), text);
  return into;
}

const FILES = { 'vocab.json': JSON.stringify(VOCAB), 'merges.txt': `#version: 0.2\n${MERGES.join('\n')}\n` };

describe('tokenizer — a prompt that is too long', () => {
  const tokenizer = createTokenizer(
    {
      vocab: new Map(Object.entries(VOCAB)),
      merges: [
        ['c', 'a'],
        ['ca', 't</w>'],
      ],
      padToken: '<|endoftext|>',
    },
    8,
  );

  it('tokenizer — keeps start and end, says how long it was and what fell off, as it was written', () => {
    const { ids, untruncatedLength, truncatedText } = tokenizer.encode('cat cat cat cat cat CAT  Cat, cat');
    expect([...ids]).toEqual([START, CAT, CAT, CAT, CAT, CAT, CAT, END]);
    expect(untruncatedLength).toBe(11);
    expect(truncatedText).toBe('Cat, cat');
  });

  it('tokenizer — a word that is cut in the middle counts as fallen off', () => {
    expect(tokenizer.encode('cat cat cat cat cat dog').truncatedText).toBe('dog');
  });

  it('tokenizer — what fell off goes on behind a special token', () => {
    expect(tokenizer.encode('cat cat cat cat cat cat cat<|endoftext|>cat').truncatedText).toBe('cat<|endoftext|>cat');
  });

  it('tokenizer — a prompt that just fits loses nothing', () => {
    const encoded = tokenizer.encode('cat cat cat cat cat cat ');
    expect(encoded).toMatchObject({ untruncatedLength: 8, truncatedText: '' });
  });
});

describe('tokenizer — files', () => {
  it('tokenizer — pads with the token that the configuration names', async () => {
    const padded = { ...FILES, 'tokenizer_config.json': '{"pad_token":{"content":"!"}}' };
    const tokenizer = await loadTokenizer(await tokenizerFolder(padded), SIZE);
    expect([...tokenizer.encode('cat').ids]).toEqual([START, CAT, END, ...Array(5).fill(VOCAB['!'])]);
  });

  it('tokenizer — tokenizer.json alone is enough', async () => {
    const model = { type: 'BPE', vocab: VOCAB, merges: [['c', 'a'], 'ca t</w>'] };
    const path = await tokenizerFolder({ 'tokenizer.json': JSON.stringify({ model }) });
    expect([...(await loadTokenizer(path, SIZE)).encode('cat').ids].slice(0, 3)).toEqual([START, CAT, END]);
  });

  it.each([
    ['no file', {}, /vocab\.json does not exist/],
    ['a vocabulary without ids', { ...FILES, 'vocab.json': '{"a":"b"}' }, /vocab\.json.*"a" has no id/],
    ['an id that is given twice', { ...FILES, 'vocab.json': '{"a":1,"b":1}' }, /id 1 is given twice/],
    ['a byte that is missing', { ...FILES, 'vocab.json': '{"a":1}' }, /no token/],
    ['a merge of three', { ...FILES, 'merges.txt': 'c a t' }, /merges\.txt.*merge 1 is "c a t"/],
    ['a merge of unknown tokens', { ...FILES, 'merges.txt': 'd o' }, /no token "do"/],
    ['an unknown padding', { ...FILES, 'special_tokens_map.json': '{"pad_token":"<pad>"}' }, /no token "<pad>"/],
  ])('tokenizer — %s is reported', async (_, files, message) => {
    await expect(
      tokenizerFolder(files as Record<string, string>).then((path) => loadTokenizer(path, SIZE)),
    ).rejects.toThrow(message);
  });

  it('tokenizer — one with more tokens than the text encoder is refused', async () => {
    const loaded = loadTokenizer(await tokenizerFolder(FILES), { ...SIZE, vocabSize: 100 });
    await expect(loaded).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('knows 100'),
    });
  });
});
