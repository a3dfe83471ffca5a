/** Contact sheets: many pictures in one PNG. */
import { writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { Picture } from '#shared/image/picture.ts';

/** White between pictures, pixels. */
const GAP = 4;

/** Writes pictures of one size, u8 [H, W, 3], row by row. */
export async function writeSheet(path: string, pictures: readonly Picture[], columns: number): Promise<void> {
  const [height, width] = pictures[0]!.shape as [number, number];
  const rows = Math.ceil(pictures.length / columns);
  const sheet = sharp({
    create: {
      width: columns * (width + GAP) + GAP,
      height: rows * (height + GAP) + GAP,
      channels: 3,
      background: 'white',
    },
  });
  const tiles = pictures.map(({ data }, i) => ({
    input: Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    raw: { width, height, channels: 3 as const },
    left: GAP + (i % columns) * (width + GAP),
    top: GAP + Math.floor(i / columns) * (height + GAP),
  }));
  // 256 colours: flat pictures lose nothing that one sees, and it stays in git for ever.
  await writeFile(path, await sheet.composite(tiles).png({ palette: true, effort: 10 }).toBuffer());
}
