/** A picture on a larger canvas, and the mask of what is to be painted around it. */
import { tensor } from '#shared/tensor/tensor.ts';
import { fillMasked } from './fill-masked.ts';
import { type Picture, pictureSize } from './picture.ts';

/** Pixels. */
export interface Sides {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  /** Rows and columns of the picture itself, beside what is new, that are painted too: the joint lies inside of them. */
  readonly overlap: number;
}

/**
 * picture  u8 [h, w, 3]
 * mask     u8 [h, w, 1], of what is to be painted anew in the picture itself
 * returns  the picture on its canvas, its colours continued, u8 [H, W, 3]; and the mask of it, u8 [H, W, 1]
 */
export function outpainted(
  picture: Picture,
  mask: Picture | undefined,
  sides: Sides,
): { readonly picture: Picture; readonly mask: Picture } {
  const inner = pictureSize(picture);
  const width = inner.width + sides.left + sides.right;
  const height = inner.height + sides.top + sides.bottom;
  const canvas = new Uint8Array(width * height * 3);
  const outside = new Uint8Array(width * height).fill(255);
  const painted = new Uint8Array(width * height).fill(255);
  for (let y = 0; y < inner.height; y++) {
    const to = (y + sides.top) * width + sides.left;
    canvas.set(picture.data.subarray(y * inner.width * 3, (y + 1) * inner.width * 3), to * 3);
    outside.fill(0, to, to + inner.width);
    for (let x = 0; x < inner.width; x++) {
      painted[to + x] = isBeside({ x, y }, inner, sides) ? 255 : (mask?.data[y * inner.width + x] ?? 0);
    }
  }
  const placed = tensor('u8', [height, width, 3], canvas);
  return {
    picture: fillMasked(placed, tensor('u8', [height, width, 1], outside)),
    mask: tensor('u8', [height, width, 1], painted),
  };
}

/** Whether a pixel of the picture is within the overlap of a side that is extended. */
function isBeside({ x, y }: { x: number; y: number }, inner: { width: number; height: number }, sides: Sides): boolean {
  const { left, right, top, bottom, overlap } = sides;
  return (
    (left > 0 && x < overlap) ||
    (right > 0 && x >= inner.width - overlap) ||
    (top > 0 && y < overlap) ||
    (bottom > 0 && y >= inner.height - overlap)
  );
}
