/**
 * Large pictures in tiles that overlap: where the tiles lie, and how they are joined so that no joint is seen.
 * Source of the joining: https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/models/autoencoders/autoencoder_kl.py `tiled_decode`
 */

/** A stretch of one axis. */
export interface Span {
  readonly start: number;
  readonly length: number;
}

/** What a network made of a part, f32 [C, rows.length, columns.length]. Joining changes its numbers. */
export interface Tile {
  readonly rows: Span;
  readonly columns: Span;
  readonly data: Float32Array;
}

/** Share of a tile that lies in the next one as well, at least. */
const OVERLAP = 1 / 4;

/** Spans of one length that cover an axis, evenly: unlike rows of full tiles with a rest, they need one graph. */
export function evenSpans(length: number, tile: number): Span[] {
  if (tile >= length) return [{ start: 0, length }];
  const most = Math.floor(tile * (1 - OVERLAP));
  const count = Math.ceil((length - tile) / most) + 1;
  return Array.from({ length: count }, (_, i) => ({
    start: Math.round((i * (length - tile)) / (count - 1)),
    length: tile,
  }));
}

/** Spans in other units: of latent pixels in pixels, or the other way round. */
export function scaledSpan({ start, length }: Span, factor: number): Span {
  return { start: start * factor, length: length * factor };
}

/**
 * Joins tiles that cover an area, given row by row. Within an overlap the earlier tile fades out as the later one fades in.
 *
 * returns  f32 [C, height, width]
 */
export function joinTiles(
  grid: readonly (readonly Tile[])[],
  size: { readonly channels: number; readonly height: number; readonly width: number },
): Float32Array {
  const out = new Float32Array(size.channels * size.height * size.width);
  for (const [i, row] of grid.entries()) {
    for (const [j, tile] of row.entries()) {
      const [above, before] = [grid[i - 1]?.[j], row[j - 1]];
      if (above) fadeDown(above, tile, size.channels);
      if (before) fadeAcross(before, tile, size.channels);
      place(tile, out, size);
    }
  }
  return out;
}

/** Takes the place of what lies there: in an overlap the later tile has both. */
function place(tile: Tile, out: Float32Array, size: { channels: number; height: number; width: number }): void {
  const { rows, columns, data } = tile;
  for (let line = 0; line < size.channels * rows.length; line++) {
    const [channel, y] = [Math.floor(line / rows.length), line % rows.length];
    const to = (channel * size.height + rows.start + y) * size.width + columns.start;
    out.set(data.subarray(line * columns.length, (line + 1) * columns.length), to);
  }
}

function fadeDown(above: Tile, tile: Tile, channels: number): void {
  const overlap = overlapOf(above.rows, tile.rows);
  const width = tile.columns.length;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < overlap; y++) {
      const from = ((channel + 1) * above.rows.length - overlap + y) * width;
      const to = (channel * tile.rows.length + y) * width;
      for (let x = 0; x < width; x++) mixInto(tile.data, to + x, above.data[from + x]!, y / overlap);
    }
  }
}

function fadeAcross(before: Tile, tile: Tile, channels: number): void {
  const overlap = overlapOf(before.columns, tile.columns);
  for (let line = 0; line < channels * tile.rows.length; line++) {
    const from = (line + 1) * before.columns.length - overlap;
    const to = line * tile.columns.length;
    for (let x = 0; x < overlap; x++) mixInto(tile.data, to + x, before.data[from + x]!, x / overlap);
  }
}

function overlapOf(earlier: Span, later: Span): number {
  return Math.min(Math.max(earlier.start + earlier.length - later.start, 0), later.length);
}

function mixInto(data: Float32Array, at: number, other: number, share: number): void {
  data[at] = other * (1 - share) + data[at]! * share;
}
