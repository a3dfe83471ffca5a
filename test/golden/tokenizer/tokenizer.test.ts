import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../../services/text-encoder/tokenizer-files.ts';
import recorded from '../data/tokenizer/cases.json' with { type: 'json' };
import { goldenPath } from '../reference.ts';

const tokenizer = await loadTokenizer(goldenPath('sd15/tokenizer'), { vocabSize: 49_408, maxPositions: 77 });

describe('tokenizer — ids agree with the reference', () => {
  it.each(recorded.cases)('tokenizer — $prompt', ({ prompt, ids, untruncated_length: length }) => {
    const encoded = tokenizer.encode(prompt);
    expect([...encoded.ids]).toEqual(ids);
    expect(encoded.untruncatedLength).toBe(length);
    expect(encoded.truncatedText === '').toBe(length <= 77);
  });
});
