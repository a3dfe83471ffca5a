/**
 * Latents at another size, as `torch.nn.functional.interpolate` makes them (align_corners false, no antialiasing).
 * Source: https://github.com/pytorch/pytorch/blob/v2.6.0/aten/src/ATen/native/UpSample.h
 */
import { f32, type Tensor } from '#shared/tensor/tensor.ts';

/** Torch's modes of the same names. */
export type EnlargeMode = 'nearest' | 'bilinear' | 'bicubic';

/** Torch's constant of the cubic kernel. */
const CUBIC = -0.75;

/** What one number along an axis is made of: places in the former one, and their weights. */
type Taps = readonly (readonly [index: number, weight: number])[];

/**
 * latents  f32 [B, C, h₀, w₀]
 * returns  f32 [B, C, h, w]
 */
export function enlargeLatents(
  latents: Tensor<'f32'>,
  height: number,
  width: number,
  mode: EnlargeMode,
): Tensor<'f32'> {
  const [batch, channels, fromHeight, fromWidth] = latents.shape as [number, number, number, number];
  const rows = tapsOf(fromHeight, height, mode);
  const columns = tapsOf(fromWidth, width, mode);
  const out = f32([batch, channels, height, width]);
  for (let plane = 0; plane < batch * channels; plane++) {
    const source = latents.data.subarray(plane * fromHeight * fromWidth, (plane + 1) * fromHeight * fromWidth);
    for (let i = 0; i < height * width; i++) {
      const value = mixed(source, fromWidth, rows[Math.floor(i / width)]!, columns[i % width]!);
      out.data[plane * height * width + i] = value;
    }
  }
  return out;
}

function mixed(plane: Float32Array, width: number, rows: Taps, columns: Taps): number {
  let sum = 0;
  for (const [y, rowWeight] of rows) {
    for (const [x, columnWeight] of columns) sum += rowWeight * columnWeight * plane[y * width + x]!;
  }
  return sum;
}

function tapsOf(from: number, to: number, mode: EnlargeMode): Taps[] {
  const inside = (index: number): number => Math.min(Math.max(index, 0), from - 1);
  return Array.from({ length: to }, (_, i) => {
    if (mode === 'nearest') return [[inside(Math.floor((i * from) / to)), 1]];
    const position = ((i + 0.5) * from) / to - 0.5;
    if (mode === 'bilinear') return linearTaps(Math.max(position, 0), inside);
    return cubicTaps(position, inside);
  });
}

function linearTaps(position: number, inside: (index: number) => number): Taps {
  const low = Math.floor(position);
  const share = position - low;
  return [
    [inside(low), 1 - share],
    [inside(low + 1), share],
  ];
}

/** Keys 1981. */
function cubicTaps(position: number, inside: (index: number) => number): Taps {
  const low = Math.floor(position);
  const near = (x: number): number => ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1;
  const far = (x: number): number => ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC;
  return [-1, 0, 1, 2].map((offset) => {
    const distance = Math.abs(position - (low + offset));
    return [inside(low + offset), distance <= 1 ? near(distance) : far(distance)];
  });
}
