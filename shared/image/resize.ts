/** Pictures to another size. */
import sharp, { type Sharp } from 'sharp';
import { tensor } from '#shared/tensor/tensor.ts';
import { type Picture, pictureSize } from './picture.ts';

/** Pixels. */
export interface Size {
  readonly height: number;
  readonly width: number;
}

/** The filters: `lanczos3` antialiases, `nearest` repeats pixels. */
export type ResizeKernel = 'lanczos3' | 'nearest';

/**
 * Resizes to exactly H × W, by Lanczos (a = 3) unless told otherwise, without cropping or keeping the proportions, as
 * diffusers does with a ControlNet's image. Both antialias; Pillow's rounding differs from libvips' by a level in some
 * pixels. The same size is returned as it is.
 *
 * picture  u8 [H₀, W₀, C]
 * returns  u8 [H, W, C]
 */
export async function resizeTo(
  picture: Picture,
  height: number,
  width: number,
  kernel: ResizeKernel = 'lanczos3',
): Promise<Picture> {
  const from = pictureSize(picture);
  if (from.height === height && from.width === width) return picture;
  return pictureOf(raw(picture).resize({ width, height, fit: 'fill', kernel }), from.channels);
}

/**
 * Brings a picture to a size with its proportions kept: `crop` fills the size and cuts the rest off on both sides; `fill`
 * shows all of it and continues its edges into what is left. `stretch` does not keep them.
 *
 * picture  u8 [H₀, W₀, C]
 * returns  u8 [H, W, C]
 */
export async function fitTo(picture: Picture, size: Size, mode: 'stretch' | 'crop' | 'fill'): Promise<Picture> {
  const { height, width } = size;
  if (mode === 'stretch') return resizeTo(picture, height, width);
  const from = pictureSize(picture);
  const scales = [height / from.height, width / from.width] as const;
  const scale = mode === 'crop' ? Math.max(...scales) : Math.min(...scales);
  const scaled = await resizeTo(picture, sideOf(from.height, scale), sideOf(from.width, scale));
  const { height: scaledHeight, width: scaledWidth } = pictureSize(scaled);
  if (scaledHeight === height && scaledWidth === width) return scaled;
  const top = Math.floor(Math.abs(scaledHeight - height) / 2);
  const left = Math.floor(Math.abs(scaledWidth - width) / 2);
  if (mode === 'crop') return pictureOf(raw(scaled).extract({ top, left, height, width }), from.channels);
  const [bottom, right] = [height - scaledHeight - top, width - scaledWidth - left];
  return pictureOf(raw(scaled).extend({ top, left, bottom, right, extendWith: 'copy' }), from.channels);
}

/** A part of a picture. */
export async function cropTo(
  picture: Picture,
  region: Size & { readonly x: number; readonly y: number },
): Promise<Picture> {
  const { x, y, height, width } = region;
  return pictureOf(raw(picture).extract({ top: y, left: x, height, width }), pictureSize(picture).channels);
}

/** A Gauss blur of that deviation, pixels; 0 gives the picture itself. */
export async function blurred(picture: Picture, deviation: number): Promise<Picture> {
  // libvips takes 0.3 and above.
  return deviation < 0.3 ? picture : pictureOf(raw(picture).blur(deviation), pictureSize(picture).channels);
}

function sideOf(side: number, scale: number): number {
  return Math.max(1, Math.round(side * scale));
}

function raw(picture: Picture): Sharp {
  const { width, height, channels } = pictureSize(picture);
  return sharp(picture.data, { raw: { width, height, channels: channels as 1 | 3 } });
}

async function pictureOf(pipeline: Sharp, channels: number): Promise<Picture> {
  const { data, info } = await pipeline
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return tensor('u8', [info.height, info.width, info.channels], new Uint8Array(data));
}
