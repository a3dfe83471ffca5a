/** How well the colours of a picture follow a layout. */
import type { Picture } from '#shared/image/picture.ts';
import { pictureSize } from '#shared/image/picture.ts';

/** Blocks along a side. */
const BLOCKS = 8;

/** Share of 8 × 8 blocks whose mean colours differ by `tolerance` levels at most in every channel; pictures u8 [H, W, 3]. */
export function blocksNear(wanted: Picture, made: Picture, tolerance: number): number {
  const [theirs, ours] = [meanColours(wanted), meanColours(made)];
  const near = theirs.filter((colour, i) => colour.every((level, c) => Math.abs(level - ours[i]![c]!) <= tolerance));
  return near.length / theirs.length;
}

function meanColours(picture: Picture): number[][] {
  const { width, height } = pictureSize(picture);
  const sums = Array.from({ length: BLOCKS * BLOCKS }, () => [0, 0, 0]);
  for (let i = 0; i < width * height; i++) {
    const row = Math.floor(Math.floor(i / width) / (height / BLOCKS));
    const block = sums[row * BLOCKS + Math.floor((i % width) / (width / BLOCKS))]!;
    for (let c = 0; c < 3; c++) block[c]! += picture.data[i * 3 + c]!;
  }
  const pixels = (width * height) / sums.length;
  return sums.map((sum) => sum.map((total) => total / pixels));
}
