import { describe, expect, it } from 'vitest';
import { canny } from '#shared/image/canny.ts';
import { toGrey } from '#shared/image/grey.ts';
import type { Picture } from '#shared/image/picture.ts';
import { tensor } from '#shared/tensor/tensor.ts';

/** A grey picture from digits, each a tenth of white. */
function draw(...rows: string[]): Picture {
  const pixels = rows
    .join('')
    .split('')
    .map((digit) => Number(digit) * 25);
  return tensor('u8', [rows.length, rows[0]!.length, 1], Uint8Array.from(pixels));
}

/** One channel of the edges, `#` for an edge. */
function edges(picture: Picture, low: number, high: number): string[] {
  const { shape, data } = canny(picture, { low, high });
  const [height = 0, width = 0] = shape;
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => (data[(y * width + x) * 3] ? '#' : '.')).join(''),
  );
}

describe('canny — edges', () => {
  it('is one pixel wide along a step: of two equal neighbours the first', () => {
    expect(edges(draw('000999', '000999', '000999'), 100, 200)).toEqual(['..#...', '..#...', '..#...']);
  });

  it('finds nothing in an even picture, not even at its border', () => {
    expect(edges(draw('555', '555', '555'), 0, 0)).toEqual(['...', '...', '...']);
  });

  it('keeps a weak edge only where it touches a strong one', () => {
    const fading = draw('0000999', '0000888', '0000777', '0000666', '0000555', '0000444');
    const weak = draw('0000777', '0000666', '0000555', '0000444');
    expect(edges(fading, 150, 800).map((row) => row.indexOf('#'))).toEqual([4, 4, 4, 4, 4, 4]);
    expect(edges(weak, 150, 800).join('')).not.toContain('#');
  });

  it('takes magnitudes strictly above the thresholds', () => {
    const step = draw('0044', '0044', '0044'); // |dx| = 4 · 100
    expect(edges(step, 399, 399)).toEqual(['.#..', '.#..', '.#..']);
    expect(edges(step, 400, 400)).toEqual(['....', '....', '....']);
  });

  it('takes thresholds in either order', () => {
    const step = draw('0099', '0099');
    expect(edges(step, 200, 100)).toEqual(edges(step, 100, 200));
  });

  it('sees an edge between colours of the same grey', () => {
    const [red, green] = [
      [196, 0, 0],
      [0, 100, 0],
    ];
    const picture = tensor(
      'u8',
      [2, 4, 3],
      Uint8Array.from([red, red, green, green, red, red, green, green].flat() as number[]),
    );
    expect(new Set(toGrey(picture).data).size).toBe(1);
    expect(edges(picture, 100, 200)).toEqual(['.#..', '.#..']);
    expect(edges(toGrey(picture), 100, 200)).toEqual(['....', '....']);
  });

  it('takes a picture of one pixel', () => {
    expect(edges(draw('7'), 100, 200)).toEqual(['.']);
  });

  it('refuses a picture in planes', () => {
    const planes = tensor('u8', [3, 8, 8], new Uint8Array(192));
    expect(() => canny(planes)).toThrowError(expect.objectContaining({ code: 'WRONG_SHAPE' }));
  });
});
