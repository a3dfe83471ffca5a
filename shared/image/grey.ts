/** RGB to grey in OpenCV's integers. */
import { tensor } from '#shared/tensor/tensor.ts';
import { type Picture, pictureSize } from './picture.ts';

// 0.299, 0.587 and 0.114 (ITU-R BT.601) times 2^15, rounded so that they sum to 2^15.
const RED = 9798;
const GREEN = 19235;
const BLUE = 3735;
const SHIFT = 15;
const HALF = 1 << (SHIFT - 1);

/**
 * The luma of a picture, equal to `cv2.cvtColor(picture, COLOR_RGB2GRAY)` in every pixel.
 *
 * picture  u8 [H, W, 3]; a grey one is returned as it is
 * returns  u8 [H, W, 1]
 */
export function toGrey(picture: Picture): Picture {
  const { height, width, channels } = pictureSize(picture);
  if (channels === 1) return picture;
  const rgb = picture.data;
  const out = new Uint8Array(height * width);
  for (let i = 0, p = 0; i < out.length; i++, p += 3) {
    out[i] = (RED * rgb[p]! + GREEN * rgb[p + 1]! + BLUE * rgb[p + 2]! + HALF) >> SHIFT;
  }
  return tensor('u8', [height, width, 1], out);
}
