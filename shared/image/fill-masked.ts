/**
 * Fills the masked part of a picture with the colours around it, softer the further from the edge: each pixel takes what the
 * finest level of a pyramid knows of it.
 * Source: Gortler et al. 1996 (The Lumigraph), section 3.4, "push-pull".
 */
import { tensor } from '#shared/tensor/tensor.ts';
import { MASKED } from './mask.ts';
import { type Picture, pictureSize } from './picture.ts';

/** Colours and how much is known of each pixel, 0 … 1. */
interface Level {
  readonly width: number;
  readonly height: number;
  readonly colours: Float32Array; // [h, w, 3]
  readonly known: Float32Array; // [h, w]
}

/**
 * picture  u8 [H, W, 3]
 * mask     u8 [H, W, 1]
 * returns  u8 [H, W, 3]; where nothing is masked the picture's own pixels; all masked: grey
 */
export function fillMasked(picture: Picture, mask: Picture): Picture {
  const { width, height } = pictureSize(picture);
  const known = Float32Array.from(mask.data, (level) => (level >= MASKED ? 0 : 1));
  const levels: Level[] = [{ width, height, colours: Float32Array.from(picture.data), known }];
  for (let last = levels[0]!; last.width > 1 || last.height > 1; last = levels.at(-1)!) levels.push(pulled(last));
  const top = levels.at(-1)!;
  if (top.known[0] === 0) top.colours.fill(127);
  let filled = top.colours;
  for (let i = levels.length - 2; i >= 0; i--) filled = pushed(filled, levels[i + 1]!, levels[i]!);
  return tensor('u8', picture.shape, Uint8Array.from(filled, Math.round));
}

/** Half the size; a pixel is the mean of what is known of its four. */
function pulled({ width, height, colours, known }: Level): Level {
  const half = { width: Math.ceil(width / 2), height: Math.ceil(height / 2) };
  const out = {
    ...half,
    colours: new Float32Array(half.width * half.height * 3),
    known: new Float32Array(half.width * half.height),
  };
  for (let i = 0; i < known.length; i++) {
    const weight = known[i]!;
    const to = Math.floor(Math.floor(i / width) / 2) * half.width + Math.floor((i % width) / 2);
    out.known[to]! += weight;
    for (let c = 0; c < 3; c++) out.colours[to * 3 + c]! += weight * colours[i * 3 + c]!;
  }
  for (let i = 0; i < out.known.length; i++) {
    const weight = out.known[i]!;
    for (let c = 0; c < 3; c++) out.colours[i * 3 + c]! /= weight || 1;
    out.known[i] = Math.min(weight, 1);
  }
  return out;
}

/** What a level does not know comes from the coarser one, bilinear. */
function pushed(coarse: Float32Array, size: Level, level: Level): Float32Array {
  const { width, known, colours } = level;
  return colours.map((colour, i) => {
    const pixel = Math.floor(i / 3);
    if (known[pixel] === 1) return colour;
    const below = bilinear(coarse, size, { x: pixel % width, y: Math.floor(pixel / width), channel: i % 3 });
    return known[pixel]! * colour + (1 - known[pixel]!) * below;
  });
}

/** x and y are pixels of the finer level. */
function bilinear(coarse: Float32Array, size: Level, at: { x: number; y: number; channel: number }): number {
  const x = between(at.x, size.width);
  const y = between(at.y, size.height);
  const value = (column: number, row: number): number => coarse[(row * size.width + column) * 3 + at.channel]!;
  const above = value(x.low, y.low) * (1 - x.share) + value(x.high, y.low) * x.share;
  const below = value(x.low, y.high) * (1 - x.share) + value(x.high, y.high) * x.share;
  return above * (1 - y.share) + below * y.share;
}

function between(fine: number, count: number): { low: number; high: number; share: number } {
  const position = Math.min(Math.max((fine - 0.5) / 2, 0), count - 1);
  const low = Math.floor(position);
  return { low, high: Math.min(low + 1, count - 1), share: position - low };
}
