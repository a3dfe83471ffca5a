/** How well the edges of a picture follow a drawing. */
import type { Picture } from '#shared/image/picture.ts';
import { pictureSize } from '#shared/image/picture.ts';

/**
 * F1 of two drawings u8 [H, W, 3]: a pixel counts as found when the other drawing has one within `tolerance` pixels.
 */
export function edgeF1(wanted: Picture, made: Picture, tolerance: number): number {
  const precision = shareNear(made, wanted, tolerance);
  const recall = shareNear(wanted, made, tolerance);
  return (2 * precision * recall) / Math.max(1e-9, precision + recall);
}

/** Share of the pixels of `lines` that have one of `others` near; 0 when there are none. */
function shareNear(lines: Picture, others: Picture, tolerance: number): number {
  const { height, width } = pictureSize(lines);
  const near = widened(others, tolerance);
  let [count, found] = [0, 0];
  for (let i = 0; i < height * width; i++) {
    if (lines.data[i * 3] === 0) continue;
    count++;
    found += near[i]!;
  }
  return count === 0 ? 0 : found / count;
}

/** 1 within `radius` of a pixel of the drawing. */
function widened(drawing: Picture, radius: number): Uint8Array {
  const { height, width } = pictureSize(drawing);
  const out = new Uint8Array(height * width);
  const reach = offsetsWithin(radius);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (drawing.data[(y * width + x) * 3] === 0) continue;
      for (const [dx, dy] of reach) {
        const [column, row] = [x + dx, y + dy];
        if (column >= 0 && column < width && row >= 0 && row < height) out[row * width + column] = 1;
      }
    }
  }
  return out;
}

function offsetsWithin(radius: number): [number, number][] {
  const whole = Math.floor(radius);
  const range = Array.from({ length: 2 * whole + 1 }, (_, i) => i - whole);
  return range.flatMap((dy) =>
    range.filter((dx) => dx * dx + dy * dy <= radius * radius).map((dx) => [dx, dy] as [number, number]),
  );
}
