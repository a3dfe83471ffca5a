/** Names of the files that pictures are saved in. */
import { format, parse } from 'node:path';

/** What a file name may tell of its picture. */
export interface PictureFacts {
  readonly job: string;
  readonly seeds: readonly number[];
}

/**
 * One file name for each picture. `{n}` (from 1), `{seed}` and `{job}` are filled in; when several pictures would get the
 * same name, `-{n}` goes before its ending.
 */
export function pictureFiles(pattern: string, { job, seeds }: PictureFacts): string[] {
  const fill = (text: string): string[] =>
    seeds.map((seed, index) => {
      return text
        .replaceAll('{n}', `${index + 1}`)
        .replaceAll('{seed}', `${seed}`)
        .replaceAll('{job}', job);
    });
  const files = fill(pattern);
  if (new Set(files).size === files.length) return files;
  const { dir, name, ext } = parse(pattern);
  return fill(format({ dir, name: `${name}-{n}`, ext }));
}
