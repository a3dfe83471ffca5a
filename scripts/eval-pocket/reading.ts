/** What a picture shows, out of the checker's maps, and whether it is what was asked: the recipe's `checker.py` in TypeScript. */
import type { Benchmark, Expected, Score, Thing } from './benchmark.ts';

/** Cells along an edge of the maps. */
export const CELLS = 16;
/** Regions smaller than this many cells are specks. */
const LEAST_CELLS = 4;
const ALL_CELLS = CELLS * CELLS;

/** What a picture shows. */
export interface Reading {
  /** From left to right; x is the centre, in widths of the picture. */
  readonly things: readonly (Thing & { readonly x: number })[];
  readonly ground: string;
  readonly time: string;
  readonly style: string;
}

/**
 * maps   logits of object and colour, [objects + 1 + colours + 1, 16, 16]; the first of each is background
 * whole  logits of ground, time and style
 */
export function toReading(names: Benchmark['names'], maps: Float32Array, whole: Float32Array): Reading {
  const objects = labelsOf(maps, 0, names.objects.length + 1);
  const colours = labelsOf(maps, names.objects.length + 1, names.colours.length + 1);
  const things = regionsOf(objects).map((cells) => ({
    kind: names.objects[mostFrequent(objects, cells) - 1]!,
    colour: names.colours[mostFrequent(colours, cells) - 1]!,
    x: (cells.reduce((sum, cell) => sum + (cell % CELLS), 0) / cells.length + 0.5) / CELLS,
  }));
  const [timesAt, stylesAt] = [names.grounds.length, names.grounds.length + names.times.length];
  return {
    things: things.sort((a, b) => a.x - b.x),
    ground: names.grounds[largest(whole.subarray(0, timesAt))]!,
    time: names.times[largest(whole.subarray(timesAt, stylesAt))]!,
    style: names.styles[largest(whole.subarray(stylesAt))]!,
  };
}

/** Which of the expected things a picture shows; `all` is objects, colours and ground. */
export function compare(expected: Expected, reading: Reading, places: Benchmark['places']): Record<string, boolean> {
  const sameAs = (keys: readonly (keyof Thing)[]): boolean =>
    reading.things.length === expected.things.length &&
    reading.things.every((thing, i) => keys.every((key) => thing[key] === expected.things[i]![key]));
  const isColoured = sameAs(['kind', 'colour']);
  const isGround = reading.ground === expected.ground;
  const place = places[expected.place] === undefined ? {} : { place: nearestPlace(reading, places) === expected.place };
  return {
    object: sameAs(['kind']),
    'object+colour': isColoured,
    ground: isGround,
    time: reading.time === expected.time,
    ...place,
    all: isColoured && isGround,
  };
}

/** Shares of pictures that are right, of those that were asked for it. */
export function score(results: readonly Readonly<Record<string, boolean>>[]): Score {
  const keys = new Set(results.flatMap((result) => Object.keys(result)));
  const share = (key: string): number => {
    const asked = results.filter((result) => result[key] !== undefined);
    return asked.filter((result) => result[key]).length / asked.length;
  };
  return Object.fromEntries([...keys].map((key) => [key, Math.round(share(key) * 1000) / 1000]));
}

function nearestPlace({ things }: Reading, places: Benchmark['places']): string | undefined {
  const x = things[0]?.x;
  if (x === undefined) return undefined;
  return Object.entries(places).sort(([, a], [, b]) => Math.abs(a - x) - Math.abs(b - x))[0]![0];
}

function labelsOf(maps: Float32Array, first: number, count: number): number[] {
  return Array.from({ length: ALL_CELLS }, (_, cell) =>
    largest(Array.from({ length: count }, (_, label) => maps[(first + label) * ALL_CELLS + cell]!)),
  );
}

/** Cells that are not background, joined where they share an edge; without specks. */
function regionsOf(labels: readonly number[]): number[][] {
  const seen = new Set<number>();
  const regions: number[][] = [];
  for (let cell = 0; cell < ALL_CELLS; cell++) {
    if (labels[cell] === 0 || seen.has(cell)) continue;
    const region = regionAt(cell, labels, seen);
    if (region.length >= LEAST_CELLS) regions.push(region);
  }
  return regions;
}

function regionAt(start: number, labels: readonly number[], seen: Set<number>): number[] {
  const region: number[] = [];
  const waiting = [start];
  seen.add(start);
  for (let cell = waiting.pop(); cell !== undefined; cell = waiting.pop()) {
    region.push(cell);
    for (const next of neighbours(cell)) {
      if (labels[next] === 0 || seen.has(next)) continue;
      seen.add(next);
      waiting.push(next);
    }
  }
  return region;
}

function neighbours(cell: number): number[] {
  const [x, y] = [cell % CELLS, Math.floor(cell / CELLS)];
  return [
    ...(x > 0 ? [cell - 1] : []),
    ...(x < CELLS - 1 ? [cell + 1] : []),
    ...(y > 0 ? [cell - CELLS] : []),
    ...(y < CELLS - 1 ? [cell + CELLS] : []),
  ];
}

/** The most frequent label that is not background, the first of equals; 1 when there is none. */
function mostFrequent(labels: readonly number[], cells: readonly number[]): number {
  const counts = [0, 0];
  for (const cell of cells) {
    const label = labels[cell]!;
    if (label > 0) counts[label] = (counts[label] ?? 0) + 1;
  }
  return Math.max(1, largest(Array.from(counts, (count) => count ?? 0)));
}

function largest(numbers: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) if (numbers[i]! > numbers[best]!) best = i;
  return best;
}
