/**
 * Canny edges, equal to OpenCV's `Canny(picture, low, high)` (aperture 3, L1 gradient) in every pixel: the hints that
 * published Canny ControlNets were trained on.
 *
 * Source: opencv/modules/imgproc/src/canny.cpp.
 */
import { tensor } from '#shared/tensor/tensor.ts';
import { type Gradients, sobel } from './gradient.ts';
import { type Picture, pictureSize } from './picture.ts';

/** Gradient magnitudes |dx| + |dy| in 0…2040. An edge is above `high`, or above `low` and connected to one that is. */
export interface CannyThresholds {
  readonly low: number;
  readonly high: number;
}

/** What the ControlNet demos and A1111 use. */
export const CANNY_DEFAULTS: CannyThresholds = { low: 100, high: 200 };

const NOTHING = 0;
const WEAK = 1;
const EDGE = 255;

/**
 * The edges of a picture, white on black.
 *
 * picture     u8 [H, W, 3] or [H, W, 1]; the two differ, as in OpenCV: of colours the steepest channel counts, not the grey
 * thresholds  in either order, as OpenCV takes them
 * returns     u8 [H, W, 3], 0 or 255, three equal channels
 */
export function canny(picture: Picture, thresholds: CannyThresholds = CANNY_DEFAULTS): Picture {
  const { height, width } = pictureSize(picture);
  const gradients = sobel(picture);
  const low = Math.min(thresholds.low, thresholds.high);
  const marks = peaks(gradients, low);
  connect(marks, gradients, Math.max(thresholds.low, thresholds.high));
  const out = new Uint8Array(height * width * 3);
  for (let y = 0, i = 0; y < height; y++) {
    const row = (y + 1) * gradients.stride + 1;
    for (let x = 0; x < width; x++, i += 3) {
      if (marks[row + x] === EDGE) out[i] = out[i + 1] = out[i + 2] = EDGE;
    }
  }
  return tensor('u8', [height, width, 3], out);
}

/** Marks as WEAK what is above `low` and a peak along its gradient. */
function peaks(gradients: Gradients, low: number): Uint8Array {
  const { magnitude, stride } = gradients;
  const marks = new Uint8Array(magnitude.length);
  for (let i = stride; i < magnitude.length - stride; i++) {
    if (magnitude[i]! > low && isPeak(gradients, i)) marks[i] = WEAK;
  }
  return marks;
}

// tan 22.5° times 2^15, TG22 in canny.cpp; tan 67.5° is tan 22.5° + 2 exactly.
const TAN_22_5 = 13573;
const SHIFT = 15;

/** Steeper than both neighbours along the gradient, rounded to 45°. Of equal neighbours the first is the peak; on diagonals none. */
function isPeak({ stride, dx, dy, magnitude }: Gradients, i: number): boolean {
  const m = magnitude[i]!;
  const ax = Math.abs(dx[i]!);
  const ay = Math.abs(dy[i]!) << SHIFT;
  const lower = ax * TAN_22_5;
  if (ay < lower) return m > magnitude[i - 1]! && m >= magnitude[i + 1]!;
  if (ay > lower + (ax << (SHIFT + 1))) return m > magnitude[i - stride]! && m >= magnitude[i + stride]!;
  const diagonal = (dx[i]! ^ dy[i]!) < 0 ? stride - 1 : stride + 1;
  return m > magnitude[i - diagonal]! && m > magnitude[i + diagonal]!;
}

/** Turns WEAK into EDGE above `high`, and from there along every path of WEAK ones (8 neighbours). The border is NOTHING, so no path leaves. */
function connect(marks: Uint8Array, { stride, magnitude }: Gradients, high: number): void {
  const around = [-stride - 1, -stride, -stride + 1, -1, 1, stride - 1, stride, stride + 1];
  const open: number[] = [];
  for (let i = 0; i < marks.length; i++) {
    if (marks[i] === NOTHING || magnitude[i]! <= high) continue;
    marks[i] = EDGE;
    open.push(i);
  }
  for (let i = open.pop(); i !== undefined; i = open.pop()) {
    for (const offset of around) {
      if (marks[i + offset] !== WEAK) continue;
      marks[i + offset] = EDGE;
      open.push(i + offset);
    }
  }
}
