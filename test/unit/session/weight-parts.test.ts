import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inParts, whileUnchanged } from '#shared/session/weight-parts.ts';
import type { Weight } from '#shared/tensor/weight.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';

const folder = await temporaryFolder();

function weight(name: string, file: string, offset: number, length: number): Weight {
  return { name, shape: [length / 4], dtype: 'f32', location: { file, offset, length } };
}

describe('weight parts', () => {
  it('are neighbours in their files, each part as large as one turn, every weight once', () => {
    const weights = [
      weight('d', 'b', 0, 40),
      weight('c', 'a', 160, 400),
      weight('a', 'a', 0, 80),
      weight('b', 'a', 80, 80),
      weight('e', 'b', 40, 40),
    ];
    const names = inParts(weights, 100).map((part) => part.map(({ name }) => name));
    expect(names).toEqual([['a', 'b'], ['c'], ['d', 'e']]);
  });

  it('of nothing are one part', () => {
    expect(inParts([])).toEqual([[]]);
  });

  it('of a file that changes in between are FILE_UNREADABLE', async () => {
    await writeFile(join(folder, 'a'), 'weights');
    const weights = [weight('a', 'a', 0, 4)];
    expect(await whileUnchanged(folder, weights, async () => 'read')).toBe('read');
    const read = whileUnchanged(folder, weights, () => appendFile(join(folder, 'a'), 'more'));
    expect((await failure(read)).code).toBe('FILE_UNREADABLE');
  });
});
