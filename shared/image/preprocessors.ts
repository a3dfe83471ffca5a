/**
 * Every way to make a ControlNet's hint from a picture that needs no network, as a table. Each is a function of the picture
 * and the settings alone, so a job that is accepted twice has the same hint.
 */
import { tensor } from '#shared/tensor/tensor.ts';
import { canny } from './canny.ts';
import { sobel } from './gradient.ts';
import { toGrey } from './grey.ts';
import { inverted } from './mask.ts';
import { type Picture, pictureSize, toRgb } from './picture.ts';
import { blurred, resizeTo } from './resize.ts';
import { shuffled } from './shuffle.ts';

/** What people may set. Each is used by one or two of the preprocessors. */
export interface PreprocessorSettings {
  /** Of Canny, 0 … 1000. */
  readonly canny_low: number;
  readonly canny_high: number;
  /** Level from which on a pixel is white, 0 … 255. */
  readonly threshold: number;
  /** How many times smaller a tile is before it is brought back, 1 … 8. */
  readonly downsampling: number;
}

/** u8 [H, W, 3] → the same shape. */
export type Preprocess = (picture: Picture, settings: PreprocessorSettings) => Picture | Promise<Picture>;

/** Deviation of the blur, pixels, as A1111's. */
const BLUR_DEVIATION = 9;
/** Pixels of one cell, as of the T2I-Adapter that is trained on such grids at 512 × 512; smaller pictures have as many cells. */
const GRID_CELL = 64;
const GRID_CELLS = 8;
/** Soft edges: the picture is smoothed by so many pixels first, and a gradient of a quarter of the steepest is white. */
const SOFT_DEVIATION = 1;
const SOFT_GAIN = 0.5;
/** Deviations of the two blurs, and how much darker than around a line is, of 255; A1111's. */
const XDOG_FINE = 0.5;
const XDOG_COARSE = 5;
const XDOG_THRESHOLD = 16;

/** The names are those of `Preprocessor` in the contracts. */
export const PREPROCESSORS = {
  /** The picture is the hint. */
  none: (picture) => picture,
  /** OpenCV's edges, white on black. */
  canny: (picture, { canny_low, canny_high }) => canny(picture, { low: canny_low, high: canny_high }),
  /** Sobel gradients of the smoothed picture: soft edges, without the network that HED is. */
  softedge_sobel: async (picture) => softEdges(await blurred(toGrey(picture), SOFT_DEVIATION)),
  /** White lines where the picture is darker than around: the difference of two Gauss blurs (Winnemöller et al. 2012). */
  scribble_xdog: async (picture) => xdog(await blurred(picture, XDOG_FINE), await blurred(picture, XDOG_COARSE)),
  /** Black and white. */
  threshold: (picture, { threshold }) => mapGrey(picture, (level) => (level >= threshold ? 255 : 0)),
  /** Dark lines on white paper become white on black, as scribble ControlNets want them. */
  invert: (picture) => inverted(picture),
  grey: (picture) => toRgb(toGrey(picture)),
  blur_gaussian: (picture) => blurred(picture, BLUR_DEVIATION),
  /** Coarser by `downsampling`: what tile ControlNets add details to. */
  tile_resample: (picture, { downsampling }) => resampled(picture, downsampling, 'lanczos3'),
  /** One colour for each 64 × 64 pixels, or fewer where the picture is small. */
  color_grid: (picture) => resampled(picture, gridCell(picture), 'nearest'),
  /** The picture's colours and textures, its shapes bent beyond recognition. */
  shuffle: shuffled,
} as const satisfies Record<string, Preprocess>;

function mapGrey(picture: Picture, map: (level: number) => number): Picture {
  const grey = toGrey(picture);
  return toRgb(tensor('u8', grey.shape, grey.data.map(map)));
}

function softEdges(grey: Picture): Picture {
  const { width, height } = pictureSize(grey);
  const { magnitude, stride } = sobel(grey);
  const out = Uint8ClampedArray.from({ length: width * height }, (_, i) => {
    return magnitude[(Math.floor(i / width) + 1) * stride + (i % width) + 1]! * SOFT_GAIN;
  });
  return toRgb(tensor('u8', [height, width, 1], new Uint8Array(out.buffer)));
}

/** The channel in which a pixel is least darker than around decides. */
function xdog(fine: Picture, coarse: Picture): Picture {
  const { width, height } = pictureSize(fine);
  const out = new Uint8Array(width * height);
  for (let i = 0; i < out.length; i++) {
    const darker = [0, 1, 2].map((c) => coarse.data[i * 3 + c]! - fine.data[i * 3 + c]!);
    out[i] = Math.min(...darker) > XDOG_THRESHOLD ? 255 : 0;
  }
  return toRgb(tensor('u8', [height, width, 1], out));
}

/** Pixels along a cell. */
function gridCell(picture: Picture): number {
  const { width, height } = pictureSize(picture);
  return Math.min(GRID_CELL, Math.max(1, Math.min(width, height) / GRID_CELLS));
}

/** Made smaller, and brought back. */
async function resampled(picture: Picture, factor: number, back: 'lanczos3' | 'nearest'): Promise<Picture> {
  const { width, height } = pictureSize(picture);
  const side = (pixels: number): number => Math.max(1, Math.round(pixels / factor));
  return resizeTo(await resizeTo(picture, side(height), side(width)), height, width, back);
}
