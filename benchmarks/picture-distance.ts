/** How far a picture is from another one. */
import { type Picture, pictureSize } from '#shared/image/picture.ts';

const MAX_LEVEL = 255;

/** Root mean square of the differences over all bytes, levels. */
export function rootMeanSquare(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum / a.length);
}

/** Peak signal to noise over all bytes, dB; infinite for equal ones. */
export function peakSignalToNoise(a: Uint8Array, b: Uint8Array): number {
  return 20 * Math.log10(MAX_LEVEL / rootMeanSquare(a, b));
}

const WINDOW = 8;
const WINDOW_STRIDE = 4;
const [C1, C2] = [(0.01 * MAX_LEVEL) ** 2, (0.03 * MAX_LEVEL) ** 2];

/**
 * Structural similarity, 1 for equal pictures: the mean over square windows and channels.
 * Source: Wang et al. 2004 (Image Quality Assessment), eq. 13, with even weights in windows of 8.
 */
export function structuralSimilarity(a: Picture, b: Picture): number {
  const { height, width, channels } = pictureSize(a);
  const all: number[] = [];
  for (let y = 0; y + WINDOW <= height; y += WINDOW_STRIDE) {
    for (let x = 0; x + WINDOW <= width; x += WINDOW_STRIDE) {
      for (let channel = 0; channel < channels; channel++) all.push(windowSimilarity(a, b, { y, x, channel }));
    }
  }
  return all.reduce((sum, one) => sum + one, 0) / all.length;
}

function windowSimilarity(a: Picture, b: Picture, at: { y: number; x: number; channel: number }): number {
  const { width, channels } = pictureSize(a);
  const sums = { a: 0, b: 0, aa: 0, bb: 0, ab: 0 };
  for (let y = at.y; y < at.y + WINDOW; y++) {
    for (let x = at.x; x < at.x + WINDOW; x++) {
      const place = (y * width + x) * channels + at.channel;
      const [one, other] = [a.data[place]!, b.data[place]!];
      sums.a += one;
      sums.b += other;
      sums.aa += one * one;
      sums.bb += other * other;
      sums.ab += one * other;
    }
  }
  const count = WINDOW * WINDOW;
  const [meanA, meanB] = [sums.a / count, sums.b / count];
  const variances = sums.aa / count - meanA ** 2 + sums.bb / count - meanB ** 2;
  const covariance = sums.ab / count - meanA * meanB;
  const luminance = (2 * meanA * meanB + C1) / (meanA ** 2 + meanB ** 2 + C1);
  return luminance * ((2 * covariance + C2) / (variances + C2));
}
