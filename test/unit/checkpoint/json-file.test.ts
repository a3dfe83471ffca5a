import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readJsonFile } from '#shared/checkpoint/json-file.ts';
import { temporaryFolder } from '../../temporary-folder.ts';

const folder = await temporaryFolder();

it('JSON files — take the numbers that Python writes and JSON lacks, outside of strings only', async () => {
  const path = join(folder, 'scheduler_config.json');
  await writeFile(path, '{"lambda_min_clipped": -Infinity, "list": [NaN, Infinity], "text": "a \\"NaN\\" -Infinity"}');
  expect(await readJsonFile(path)).toEqual({
    lambda_min_clipped: '-Infinity',
    list: ['NaN', 'Infinity'],
    text: 'a "NaN" -Infinity',
  });
});

it('JSON files — what is neither is refused with the file', async () => {
  const path = join(folder, 'config.json');
  await writeFile(path, '{"a": Infinite}');
  await expect(readJsonFile(path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});
