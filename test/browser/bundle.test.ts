/** What the studio weighs. Needs no browser. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ensureStudio } from '#infra/studio/build.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const MAX_GZIP_BYTES = 60_000;
const folder = join(await temporaryFolder(), 'studio');

describe('studio — the bundle', () => {
  it('is built once, and small', async () => {
    expect(await ensureStudio(folder)).toBe(true);
    expect(await ensureStudio(folder)).toBe(false);
    const names = (await readdir(folder, { recursive: true })).filter((name) => /\.(js|css|html|svg)$/.test(name));
    const sizes = await Promise.all(names.map(async (name) => gzipSync(await readFile(join(folder, name))).length));
    expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(MAX_GZIP_BYTES);
  });

  it('has no script and no style in its page, and names no other host', async () => {
    const html = await readFile(join(folder, 'index.html'), 'utf8');
    expect(html).not.toMatch(/<style|\sstyle=|<script(?![^>]*\ssrc=)|https?:/);
  });
});
