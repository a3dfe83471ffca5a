/** A picture in a terminal: two pixels in one character, in 24-bit colour. */
import { type Picture, pictureSize, toRgb } from './picture.ts';
import { resizeTo } from './resize.ts';

const RESET = '\x1b[0m';
const UPPER_HALF = '▀';

/**
 * Draws a picture with half blocks, `columns` characters wide; a character is two pixels high, so proportions are kept.
 *
 * picture  u8 [H, W, C]
 * returns  lines with colour escapes, each reset at its end, joined by newlines
 */
export async function drawInTerminal(picture: Picture, columns: number): Promise<string> {
  const { height, width } = pictureSize(picture);
  const lines = Math.max(1, Math.round((columns * height) / width / 2));
  const { data } = toRgb(await resizeTo(picture, lines * 2, columns));
  const colour = (y: number, x: number): string =>
    data.subarray((y * columns + x) * 3, (y * columns + x) * 3 + 3).join(';');
  const line = (y: number): string =>
    Array.from({ length: columns }, (_, x) => {
      return `\x1b[38;2;${colour(2 * y, x)}m\x1b[48;2;${colour(2 * y + 1, x)}m${UPPER_HALF}`;
    }).join('') + RESET;
  return Array.from({ length: lines }, (_, y) => line(y)).join('\n');
}
