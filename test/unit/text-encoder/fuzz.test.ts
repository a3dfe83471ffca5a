import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BYTE_LETTERS } from '#shared/checkpoint/byte-letters.ts';
import { fuzz, refusal } from '#test/fuzz.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';
import { createTokenizer } from '../../../services/text-encoder/tokenizer.ts';
import { loadTokenizer } from '../../../services/text-encoder/tokenizer-files.ts';

const folder = await temporaryFolder();

const BYTES = [...BYTE_LETTERS, ...BYTE_LETTERS.map((letter) => `${letter}</w>`)];
const TOKENS = [...BYTES, 'ca', 'cat</w>', '<|startoftext|>', '<|endoftext|>'];
const VOCAB = Object.fromEntries(TOKENS.map((token, id) => [token, id]));
const MERGES = '#version: 0.2\nc a\nca t</w>\n';
const LENGTH = 8;

describe('fuzz — tokenizers', () => {
  it('2000 damaged vocabularies and merges make a tokenizer, or are refused by name', async () => {
    const vocabFile = join(folder, 'vocab.json');
    const vocab = Buffer.from(JSON.stringify(VOCAB));
    let refused = 0;
    await fuzz(2000, async (random) => {
      const isVocab = random.next() < 0.5;
      await writeFile(vocabFile, isVocab ? random.damage(vocab) : vocab);
      await writeFile(join(folder, 'merges.txt'), isVocab ? MERGES : random.damage(Buffer.from(MERGES)));
      const error = await refusal(async () => {
        const tokenizer = await loadTokenizer(folder, { vocabSize: TOKENS.length, maxPositions: LENGTH });
        expect(tokenizer.encode('a cat').ids).toHaveLength(LENGTH);
      });
      if (!error) return;
      refused++;
      expect(error.code).toBe('CONFIG_INVALID');
      expect(error.message.length).toBeLessThan(2000);
    });
    expect(refused).toBeGreaterThan(40);
    expect(refused).toBeLessThan(2000);
  });

  it('2000 prompts of anything become as many ids as the model takes, each of them known', async () => {
    const merges = [['c', 'a'] as const, ['ca', 't</w>'] as const];
    const tokenizer = createTokenizer(
      { vocab: new Map(Object.entries(VOCAB)), merges, padToken: '<|endoftext|>' },
      LENGTH,
    );
    await fuzz(2000, (random) => {
      const { ids, truncatedText, untruncatedLength } = tokenizer.encode(random.text());
      expect(ids).toHaveLength(LENGTH);
      expect(ids.every((id) => id >= 0 && id < TOKENS.length)).toBe(true);
      expect(truncatedText !== '').toBe(untruncatedLength > LENGTH);
    });
  });
});
