/** Small pictures on their way to people: JPEG, enlarged from a few latent pixels. */
import sharp from 'sharp';
import { type Picture, pictureSize } from './picture.ts';

const QUALITY = 75;

/**
 * Encodes a picture, enlarged `scale` times but to `maxSide` at most.
 *
 * picture  u8 [H, W, C]
 */
export async function encodeJpeg(
  picture: Picture,
  { scale, maxSide }: { readonly scale: number; readonly maxSide: number },
): Promise<Uint8Array> {
  const { height, width, channels } = pictureSize(picture);
  const factor = Math.min(scale, maxSide / Math.max(height, width));
  const [toHeight, toWidth] = [height, width].map((side) => Math.max(1, Math.round(side * factor)));
  return sharp(picture.data, { raw: { width, height, channels: channels as 1 | 3 } })
    .resize({ width: toWidth!, height: toHeight!, fit: 'fill', kernel: 'cubic' })
    .jpeg({ quality: QUALITY })
    .toBuffer();
}
