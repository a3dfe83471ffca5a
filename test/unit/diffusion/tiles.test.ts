import { describe, expect, it } from 'vitest';
import { evenSpans, joinTiles, type Span, type Tile } from '#shared/diffusion/tiles.ts';

describe('tiles — where they lie', () => {
  it.each([
    [64, 64],
    [65, 64],
    [128, 64],
    [256, 40],
    [100, 8],
  ])('of %i by %i: all of it, of one length, a quarter in common', (length, tile) => {
    const spans = evenSpans(length, tile);
    expect(spans[0]!.start).toBe(0);
    expect(spans.at(-1)!.start + spans.at(-1)!.length).toBe(length);
    for (const [i, span] of spans.entries()) {
      expect(span.length).toBe(tile);
      if (i > 0) expect(spans[i - 1]!.start + tile - span.start).toBeGreaterThanOrEqual(tile / 4);
    }
  });

  it('what is smaller than a tile is one', () => {
    expect(evenSpans(24, 64)).toEqual([{ start: 0, length: 24 }]);
  });
});

describe('tiles — joined', () => {
  const tileOf = (rows: Span, columns: Span, value: (y: number, x: number) => number): Tile => ({
    rows,
    columns,
    data: Float32Array.from({ length: rows.length * columns.length }, (_, i) =>
      value(rows.start + Math.floor(i / columns.length), columns.start + (i % columns.length)),
    ),
  });

  it('tiles of one surface give the surface', () => {
    const spans = evenSpans(20, 8);
    const surface = (y: number, x: number): number => 3 * y - 2 * x;
    const grid = spans.map((rows) => spans.map((columns) => tileOf(rows, columns, surface)));
    const joined = joinTiles(grid, { channels: 1, height: 20, width: 20 });
    joined.forEach((value, i) => void expect(value).toBeCloseTo(surface(Math.floor(i / 20), i % 20), 4));
  });

  it('from one level to another there is no jump', () => {
    const row = { start: 0, length: 1 };
    const [left, right] = [
      tileOf(row, { start: 0, length: 8 }, () => 0),
      tileOf(row, { start: 4, length: 8 }, () => 1),
    ];
    expect([...joinTiles([[left, right]], { channels: 1, height: 1, width: 12 })]).toEqual([
      ...[0, 0, 0, 0],
      ...[0, 0.25, 0.5, 0.75],
      ...[1, 1, 1, 1],
    ]);
  });
});
