/**
 * Noise between that of two seeds, and noise of one size inside another: how variations of a picture are found.
 * Source: the seed options of AUTOMATIC1111's web UI, in what they compute.
 */
import { createGenerator, type NoiseSource } from './noise.ts';

/** Channels, height and width of one picture's latents. */
export interface LatentSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** How the noise of a seed is varied. */
export interface Variation {
  /** 0 … 1; at 0 `subseed` is not drawn from. */
  readonly strength: number;
  readonly subseed: number;
  /** Whose noise it is; `cpu` unless given. */
  readonly source?: NoiseSource;
  /** Latent pixels at which the composition was found. */
  readonly from?: { readonly height: number; readonly width: number } | undefined;
}

/** Where two noises are as good as parallel, the arc between them is a line. */
const PARALLEL = 0.9995;

/**
 * The first noise of a varied picture. Fresh generators are drawn from, so the stream that `noise` is of goes on as it would.
 *
 * noise    f32 [C, h, w], what `seed` gives at this size
 * returns  the same shape
 */
export function varyNoise(noise: Float32Array, seed: number, size: LatentSize, variation: Variation): Float32Array {
  const { strength, subseed, from, source } = variation;
  const inner = { ...size, ...from };
  const isSameSize = inner.height === size.height && inner.width === size.width;
  const shape = [inner.channels, inner.height, inner.width];
  const own = isSameSize ? noise : createGenerator(seed, source).randn(shape);
  const mixed = strength > 0 ? slerp(own, createGenerator(subseed, source).randn(shape), strength, inner) : own;
  return isSameSize ? mixed : centred(noise, size, mixed, inner);
}

/**
 * Along the arc from one noise to another, column by column: a straight line between them would be weaker than noise is.
 *
 * from, to  f32 [C, h, w]
 * share     0 is `from`, 1 is `to`
 */
export function slerp(from: Float32Array, to: Float32Array, share: number, size: LatentSize): Float32Array {
  const columns = size.channels * size.width;
  const cosines = Float64Array.from({ length: columns }, (_, column) => cosine(from, to, column, size));
  const mean = cosines.reduce((sum, value) => sum + value, 0) / columns;
  if (mean > PARALLEL) return from.map((value, i) => value * (1 - share) + to[i]! * share);
  const out = new Float32Array(from.length);
  for (let column = 0; column < columns; column++) {
    const angle = Math.acos(cosines[column]!);
    const weights = [
      Math.sin((1 - share) * angle) / Math.sin(angle),
      Math.sin(share * angle) / Math.sin(angle),
    ] as const;
    for (const i of indicesOf(column, size)) out[i] = weights[0] * from[i]! + weights[1] * to[i]!;
  }
  return out;
}

/** A column is what one channel has at one x. */
function* indicesOf(column: number, { height, width }: LatentSize): Generator<number> {
  const channel = Math.floor(column / width);
  for (let y = 0; y < height; y++) yield (channel * height + y) * width + (column % width);
}

function cosine(a: Float32Array, b: Float32Array, column: number, size: LatentSize): number {
  let [dot, lengthA, lengthB] = [0, 0, 0];
  for (const i of indicesOf(column, size)) {
    dot += a[i]! * b[i]!;
    lengthA += a[i]! ** 2;
    lengthB += b[i]! ** 2;
  }
  return dot / Math.sqrt(lengthA * lengthB);
}

/** `inner` in the middle of `outer`; of a larger one its middle. */
function centred(outer: Float32Array, size: LatentSize, inner: Float32Array, innerSize: LatentSize): Float32Array {
  const out = outer.slice();
  const x = overlap(size.width, innerSize.width);
  const y = overlap(size.height, innerSize.height);
  for (let channel = 0; channel < size.channels; channel++) {
    for (let row = 0; row < y.count; row++) {
      const from = (channel * innerSize.height + y.source + row) * innerSize.width + x.source;
      const to = (channel * size.height + y.target + row) * size.width + x.target;
      out.set(inner.subarray(from, from + x.count), to);
    }
  }
  return out;
}

/** Along one axis, how many numbers lie in both, and where they begin in each. */
function overlap(outer: number, inner: number): { count: number; source: number; target: number } {
  const margin = Math.floor((outer - inner) / 2);
  // Halved towards −∞ and doubled, as the web UI does: of an odd surplus one number more is left out.
  const count = margin >= 0 ? inner : inner + 2 * margin;
  return { count, source: Math.max(-margin, 0), target: Math.max(margin, 0) };
}
