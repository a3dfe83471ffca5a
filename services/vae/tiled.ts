/** Runs a network of the VAE on a whole picture, or on tiles of it where the whole would not fit the memory that a run may take. */
import { evenSpans, joinTiles, type Span, scaledSpan, type Tile } from '#shared/diffusion/tiles.ts';
import { MeshError } from '#shared/errors/errors.ts';
import type { GraphModel } from '#shared/graph/graph-model.ts';

/** Latent pixels. */
export interface LatentSize {
  readonly height: number;
  readonly width: number;
}

/** Sides of tiles are multiples of it, latent pixels. */
const TILE_STEP = 8;

/** How tiles are chosen. */
export interface TilePlan {
  /** Writes the graph, of which only the cost is read. */
  readonly build: (size: LatentSize) => GraphModel;
  /** Bytes that the activations of one run may take. */
  readonly maxBytes: number;
}

/**
 * The size of the largest tiles that fit; the picture's own where it does.
 * @throws MeshError OUT_OF_MEMORY when the smallest do not
 */
export function tileSize({ build, maxBytes }: TilePlan, picture: LatentSize): LatentSize {
  const bytesOf = (size: LatentSize): number => build(size).cost.activationBytes;
  if (bytesOf(picture) <= maxBytes) return picture;
  const tileOf = (side: number): LatentSize => ({
    height: Math.min(side, picture.height),
    width: Math.min(side, picture.width),
  });
  let [fits, tooLarge] = [0, Math.ceil(Math.max(picture.height, picture.width) / TILE_STEP)];
  while (tooLarge - fits > 1) {
    const middle = Math.floor((fits + tooLarge) / 2);
    if (bytesOf(tileOf(middle * TILE_STEP)) <= maxBytes) fits = middle;
    else tooLarge = middle;
  }
  if (fits === 0) throw noRoom(bytesOf(tileOf(TILE_STEP)), maxBytes);
  return tileOf(fits * TILE_STEP);
}

/** What a network takes and gives of one part, spans in latent pixels. */
export interface PartRun {
  /** Numbers put out for each latent pixel along an edge. */
  readonly scale: number;
  readonly channels: number;
  /** f32 [C, rows · scale, columns · scale] */
  readonly run: (rows: Span, columns: Span) => Promise<Float32Array>;
}

/** f32 [C, height · scale, width · scale] */
export async function inTiles(picture: LatentSize, tile: LatentSize, part: PartRun): Promise<Float32Array> {
  const grid: Tile[][] = [];
  for (const rows of evenSpans(picture.height, tile.height)) {
    const row: Tile[] = [];
    for (const columns of evenSpans(picture.width, tile.width)) {
      const data = await part.run(rows, columns);
      row.push({ rows: scaledSpan(rows, part.scale), columns: scaledSpan(columns, part.scale), data });
    }
    grid.push(row);
  }
  const [only] = grid.length === 1 ? grid[0]! : [];
  if (only && grid[0]!.length === 1) return only.data;
  const { scale, channels } = part;
  return joinTiles(grid, { channels, height: picture.height * scale, width: picture.width * scale });
}

/** Planes of a part. f32 [C, height, width] → [C, rows, columns] */
export function cutOut(planes: Float32Array, size: LatentSize, rows: Span, columns: Span): Float32Array {
  if (rows.length === size.height && columns.length === size.width) return planes;
  const channels = planes.length / (size.height * size.width);
  const out = new Float32Array(channels * rows.length * columns.length);
  for (let line = 0; line < channels * rows.length; line++) {
    const [channel, y] = [Math.floor(line / rows.length), line % rows.length];
    const from = (channel * size.height + rows.start + y) * size.width + columns.start;
    out.set(planes.subarray(from, from + columns.length), line * columns.length);
  }
  return out;
}

function noRoom(bytes: number, limit: number): MeshError {
  const text = `The smallest tile of this VAE takes ${bytes} bytes, LATENTMESH_ACTIVATION_BYTES allows ${limit}: raise it.`;
  return new MeshError('OUT_OF_MEMORY', text, { bytes, limit, variable: 'LATENTMESH_ACTIVATION_BYTES' });
}
