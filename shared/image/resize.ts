/** Pictures to another size. */
import sharp from 'sharp';
import { tensor } from '#shared/tensor/tensor.ts';
import { type Picture, pictureSize } from './picture.ts';

/**
 * Resizes to exactly H × W by Lanczos (a = 3), without cropping or keeping the proportions, as diffusers does with a ControlNet's
 * image. Both antialias; Pillow's rounding differs from libvips' by a level in some pixels. The same size is returned as it is.
 *
 * picture  u8 [H₀, W₀, C]
 * returns  u8 [H, W, C]
 */
export async function resizeTo(picture: Picture, height: number, width: number): Promise<Picture> {
  const from = pictureSize(picture);
  if (from.height === height && from.width === width) return picture;
  const { data, info } = await sharp(picture.data, {
    raw: { width: from.width, height: from.height, channels: from.channels as 1 | 3 },
  })
    .resize({ width, height, fit: 'fill', kernel: 'lanczos3' })
    .toColourspace(from.channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return tensor('u8', [info.height, info.width, info.channels], new Uint8Array(data));
}
