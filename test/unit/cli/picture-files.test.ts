import { describe, expect, it } from 'vitest';
import { pictureFiles } from '../../../services/cli/picture-files.ts';

describe('names of picture files', () => {
  it.each([
    ['boat.png', [7], ['boat.png']],
    ['boat-{n}.png', [7], ['boat-1.png']],
    ['out/{job}-{seed}.png', [7, 8], ['out/j-7.png', 'out/j-8.png']],
    ['out/boat.png', [7, 8], ['out/boat-1.png', 'out/boat-2.png']],
    ['{seed}.png', [7, 7], ['7-1.png', '7-2.png']],
    ['boat', [1, 2], ['boat-1', 'boat-2']],
  ])('%s for seeds %j', (pattern, seeds, files) => {
    expect(pictureFiles(pattern, { job: 'j', seeds })).toEqual(files);
  });
});
