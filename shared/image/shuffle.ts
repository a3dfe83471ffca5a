/**
 * A picture whose pixels are fetched from places that a smooth random field says: colours and textures stay, shapes do not.
 * The field is always the same. Source: the content shuffle of ControlNet 1.1, in what it does.
 */
import { tensor } from '#shared/tensor/tensor.ts';
import { type Picture, pictureSize } from './picture.ts';

/** Pixels between the field's random numbers. */
const CELL = 256;
/** Random numbers beyond the picture's edges, so that the field is not flat there. */
const MARGIN = 3;

/** u8 [H, W, 3] → the same shape */
export function shuffled(picture: Picture): Picture {
  const { width, height } = pictureSize(picture);
  const [across, down] = [smoothField(width, height, 1), smoothField(width, height, 2)];
  const out = new Uint8Array(picture.data.length);
  for (let i = 0; i < width * height; i++) {
    const x = across[i]! * (width - 1);
    const y = down[i]! * (height - 1);
    for (let c = 0; c < 3; c++) out[i * 3 + c] = Math.round(bilinear(picture, x, y, c));
  }
  return tensor('u8', picture.shape, out);
}

function bilinear({ data, shape }: Picture, x: number, y: number, channel: number): number {
  const [height, width] = shape as [number, number];
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [right, bottom] = [Math.min(left + 1, width - 1), Math.min(top + 1, height - 1)];
  const value = (column: number, row: number): number => data[(row * width + column) * 3 + channel]!;
  const above = value(left, top) * (1 - x + left) + value(right, top) * (x - left);
  const below = value(left, bottom) * (1 - x + left) + value(right, bottom) * (x - left);
  return above * (1 - y + top) + below * (y - top);
}

/** Numbers from 0 to 1, both of which occur: random ones on a coarse grid, with cosines between them. f32 [H, W] */
function smoothField(width: number, height: number, seed: number): Float32Array {
  const cell = Math.min(CELL, Math.max(width, height) / 2);
  const columns = Math.ceil(width / cell) + MARGIN;
  const random = randomNumbers(seed, columns * (Math.ceil(height / cell) + MARGIN));
  const field = new Float32Array(width * height);
  for (let i = 0; i < field.length; i++) {
    const [x, y] = [(i % width) / cell, Math.floor(i / width) / cell];
    const at = Math.floor(y) * columns + Math.floor(x);
    const [across, down] = [eased(x - Math.floor(x)), eased(y - Math.floor(y))];
    const above = random[at]! * (1 - across) + random[at + 1]! * across;
    const below = random[at + columns]! * (1 - across) + random[at + columns + 1]! * across;
    field[i] = above * (1 - down) + below * down;
  }
  const least = field.reduce((a, b) => Math.min(a, b));
  const most = field.reduce((a, b) => Math.max(a, b));
  return field.map((value) => (value - least) / (most - least || 1));
}

function eased(share: number): number {
  return (1 - Math.cos(share * Math.PI)) / 2;
}

/** Park and Miller 1988. */
function randomNumbers(seed: number, count: number): Float64Array {
  let state = seed * 16_807;
  return Float64Array.from({ length: count }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  });
}
