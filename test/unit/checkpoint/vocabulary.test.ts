import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readVocabulary } from '#shared/checkpoint/vocabulary.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';

const folder = await temporaryFolder();
const file = join(folder, 'vocabulary.json');

describe('vocabulary — of a model', () => {
  it('is none where there is no file', async () => {
    expect(await readVocabulary(join(folder, 'unet'))).toBeUndefined();
  });

  it('is read where there is one', async () => {
    await writeFile(file, '{"words": ["a", "boat"], "examples": ["a boat"]}');
    expect(await readVocabulary(folder)).toEqual({ words: new Set(['a', 'boat']), examples: ['a boat'] });
  });

  it.each(['[]', '{', '{"words": "boat", "examples": []}', '{"words": []}'])('%s is refused by name', async (text) => {
    await writeFile(file, text);
    expect(await failure(readVocabulary(folder))).toMatchObject({ code: 'CONFIG_INVALID', details: { file } });
  });
});
