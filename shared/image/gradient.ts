/** Sobel gradients for Canny. Integers only. */
import { type Picture, pictureSize } from './picture.ts';

/** Gradients on a grid with a border of one pixel of magnitude 0: pixel (y, x) is at `(y + 1) · stride + x + 1`. */
export interface Gradients {
  /** W + 2. */
  readonly stride: number;
  readonly dx: Int16Array; // [H + 2, W + 2], −1020…1020
  readonly dy: Int16Array; // [H + 2, W + 2], −1020…1020
  readonly magnitude: Int16Array; // [H + 2, W + 2], |dx| + |dy|
}

/**
 * 3×3 Sobel with the border replicated; of several channels the steepest, the first of equals.
 *
 * picture  u8 [H, W, 3] or [H, W, 1]
 */
export function sobel(picture: Picture): Gradients {
  const { height, width, channels } = pictureSize(picture);
  const stride = width + 2;
  const plane = (): Int16Array => new Int16Array(stride * (height + 2));
  const gradients = { stride, dx: plane(), dy: plane(), magnitude: plane() };
  const columns = { smooth: new Int16Array(stride * channels), slope: new Int16Array(stride * channels) };
  for (let y = 0; y < height; y++) {
    addRows(picture.data, width * channels, [Math.max(y - 1, 0), y, Math.min(y + 1, height - 1)], columns);
    replicateEnds(columns.smooth, channels);
    replicateEnds(columns.slope, channels);
    steepest(columns, channels, gradients, (y + 1) * stride + 1);
  }
  return gradients;
}

/** The vertical halves of the two kernels over one row, with room for one pixel at both ends. i16 [W + 2, C] */
interface Columns {
  readonly smooth: Int16Array; // 1 2 1
  readonly slope: Int16Array; // −1 0 1
}

function addRows(pixels: Uint8Array, rowLength: number, rows: [number, number, number], { smooth, slope }: Columns) {
  const pad = (smooth.length - rowLength) / 2;
  let [above, here, below] = [rows[0] * rowLength, rows[1] * rowLength, rows[2] * rowLength];
  for (let i = pad; i < pad + rowLength; i++) {
    const a = pixels[above++]!;
    const b = pixels[below++]!;
    smooth[i] = a + 2 * pixels[here++]! + b;
    slope[i] = b - a;
  }
}

function replicateEnds(row: Int16Array, channels: number): void {
  row.copyWithin(0, channels, 2 * channels);
  row.copyWithin(row.length - channels, row.length - 2 * channels, row.length - channels);
}

/** The horizontal halves, and the choice among channels, for the row that begins at `start`. */
function steepest({ smooth, slope }: Columns, channels: number, { dx, dy, magnitude }: Gradients, start: number): void {
  const width = smooth.length / channels - 2;
  for (let x = 0, i = channels; x < width; x++) {
    let most = -1;
    let bestX = 0;
    let bestY = 0;
    for (let c = 0; c < channels; c++, i++) {
      const gx = smooth[i + channels]! - smooth[i - channels]!;
      const gy = slope[i - channels]! + 2 * slope[i]! + slope[i + channels]!;
      const steepness = Math.abs(gx) + Math.abs(gy);
      if (steepness <= most) continue;
      most = steepness;
      bestX = gx;
      bestY = gy;
    }
    dx[start + x] = bestX;
    dy[start + x] = bestY;
    magnitude[start + x] = most;
  }
}
