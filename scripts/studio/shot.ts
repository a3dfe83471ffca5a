/** A picture of the page for the documentation: few colours, so that it stays small. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import sharp from 'sharp';

const IMAGES = resolve(import.meta.dirname, '../../docs/images');
const MAX_BYTES = 200_000;

/** Writes `docs/images/<name>.png`. @throws Error when it is too large */
export async function saveShot(page: Page, name: string): Promise<void> {
  const path = join(IMAGES, `${name}.png`);
  await sharp(await page.screenshot())
    .png({ palette: true, quality: 90, effort: 10 })
    .toFile(path);
  const { size } = await stat(path);
  process.stdout.write(`${path}: ${size} bytes\n`);
  if (size > MAX_BYTES) throw new Error(`${path} has more than ${MAX_BYTES} bytes.`);
}
