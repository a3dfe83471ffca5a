/** Masks: grey pictures that say which part of another is painted anew, white, and which is kept, black. */
import { f32, type Tensor, tensor } from '#shared/tensor/tensor.ts';
import { type Picture, pictureSize } from './picture.ts';
import type { Size } from './resize.ts';

/** From this level on a pixel belongs to the mask, where it is all or nothing. */
export const MASKED = 128;

/** A part of a picture, pixels from the top left. */
export interface Region extends Size {
  readonly x: number;
  readonly y: number;
}

/** White becomes black. */
export function inverted(picture: Picture): Picture {
  return tensor(
    'u8',
    picture.shape,
    picture.data.map((level) => 255 - level),
  );
}

/** The smallest region that holds every masked pixel; undefined when there is none. mask u8 [H, W, 1] */
export function maskedRegion(mask: Picture): Region | undefined {
  const { height, width } = pictureSize(mask);
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let i = 0; i < mask.data.length; i++) {
    if (mask.data[i]! < MASKED) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  }
  return right < 0 ? undefined : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/**
 * A region with room around it, widened to the proportions of `target` as far as the picture reaches.
 *
 * padding  pixels
 */
export function widenedRegion(region: Region, padding: number, picture: Size, target: Size): Region {
  const width = region.width + 2 * padding;
  const height = region.height + 2 * padding;
  const ratio = target.width / target.height;
  const wide = Math.min(Math.max(width, Math.round(height * ratio)), picture.width);
  const high = Math.min(Math.max(height, Math.round(width / ratio)), picture.height);
  return {
    x: placed(region.x + region.width / 2, wide, picture.width),
    y: placed(region.y + region.height / 2, high, picture.height),
    width: wide,
    height: high,
  };
}

/** Where a stretch of that length begins so that its middle is there, inside of 0 … limit. */
function placed(middle: number, length: number, limit: number): number {
  return Math.min(Math.max(Math.round(middle - length / 2), 0), limit - length);
}

/**
 * A mask as latents see it: 1 where the top left pixel of their 8 × 8 is masked, 0 elsewhere.
 *
 * mask     u8 [H, W, 1]
 * returns  f32 [1, 1, H/8, W/8]
 * Source: https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/pipelines/stable_diffusion/pipeline_stable_diffusion_inpaint.py `prepare_mask_latents`
 */
export function latentMask(mask: Picture, factor: number): Tensor<'f32'> {
  const { height, width } = pictureSize(mask);
  const [rows, columns] = [height / factor, width / factor];
  const data = Float32Array.from({ length: rows * columns }, (_, i) => {
    const [x, y] = [(i % columns) * factor, Math.floor(i / columns) * factor];
    return mask.data[y * width + x]! >= MASKED ? 1 : 0;
  });
  return f32([1, 1, rows, columns], data);
}

/**
 * A picture with a part replaced, as strongly as the mask says.
 *
 * picture  u8 [H, W, 3]
 * part     u8 [h, w, 3], of the region's size
 * mask     u8 [H, W, 1]: 255 is all of the part
 */
export function composed(picture: Picture, part: Picture, mask: Picture, region: Region): Picture {
  const { width } = pictureSize(picture);
  const out = picture.data.slice();
  for (let y = 0; y < region.height; y++) {
    for (let x = 0; x < region.width; x++) {
      const at = (region.y + y) * width + region.x + x;
      const share = mask.data[at]! / 255;
      for (let c = 0; c < 3; c++) {
        const value = part.data[(y * region.width + x) * 3 + c]!;
        out[at * 3 + c] = Math.round(out[at * 3 + c]! * (1 - share) + value * share);
      }
    }
  }
  return tensor('u8', picture.shape, out);
}
