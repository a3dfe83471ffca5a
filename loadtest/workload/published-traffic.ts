/**
 * What two production services asked for in twenty days of 2024: how many adapters a request has, and how often each of them is
 * meant. How counts of ControlNets and LoRAs go together is not published: they are drawn one by one.
 *
 * Source: Katz (ATC'25), table 1; popularity read back from the vector figures of its artifact, as running totals.
 */
import { drawIndex, type Random } from './random.ts';

/** Points (number of the most popular ones, their share of all uses). */
export type Popularity = readonly (readonly [number, number])[];

/** See the head of this file. */
export interface Traffic {
  /** Share of the requests with 0, 1, 2 … of them. */
  readonly controlnetCounts: readonly number[];
  readonly loraCounts: readonly number[];
  readonly controlnetPopularity: Popularity;
  readonly loraPopularity: Popularity;
}

const SERVICE_A: Traffic = {
  controlnetCounts: [0, 0.305, 0.695, 0],
  loraCounts: [0.002, 0.088, 0.91],
  controlnetPopularity: [
    [1, 0.311],
    [2, 0.564],
    [3, 0.735],
    [4, 0.893],
    [5, 0.976],
    [8, 0.99],
    [10, 0.992],
    [47, 1],
  ],
  loraPopularity: [
    [3, 0.09],
    [16, 0.26],
    [46, 0.37],
    [146, 0.5],
    [520, 0.66],
    [1105, 0.76],
    [2243, 0.86],
    [4501, 0.96],
    [6980, 1],
  ],
};

const SERVICE_B: Traffic = {
  controlnetCounts: [0.019, 0.251, 0.699, 0.031],
  loraCounts: [0.072, 0.736, 0.192],
  controlnetPopularity: [
    [1, 0.222],
    [2, 0.357],
    [3, 0.492],
    [4, 0.608],
    [5, 0.715],
    [8, 0.945],
    [10, 0.975],
    [94, 1],
  ],
  loraPopularity: [
    [2, 0.27],
    [6, 0.4],
    [13, 0.53],
    [33, 0.63],
    [76, 0.7],
    [152, 0.75],
    [325, 0.8],
    [767, 0.86],
    [1420, 0.9],
    [4501, 0.98],
    [7463, 1],
  ],
};

export const PUBLISHED = { A: SERVICE_A, B: SERVICE_B } as const satisfies Record<string, Traffic>;

/** Name of one of the published services. */
export type ServiceName = keyof typeof PUBLISHED;

/** What one picture is asked for with. */
export interface Picture {
  readonly controlnets: readonly string[];
  readonly loras: readonly string[];
}

/** The adapters of one request. */
export function drawPicture(random: Random, traffic: Traffic): Picture {
  return {
    controlnets: drawNames(random, 'control', traffic.controlnetCounts, traffic.controlnetPopularity),
    loras: drawNames(random, 'style', traffic.loraCounts, traffic.loraPopularity),
  };
}

/** Rank of an adapter by popularity, from 0: between two points all are equally popular. */
export function drawRank(random: Random, popularity: Popularity): number {
  const drawn = random();
  let [fromRank, fromShare] = [0, 0];
  for (const [toRank, toShare] of popularity) {
    if (drawn < toShare) {
      const place = (drawn - fromShare) / (toShare - fromShare);
      return fromRank + Math.floor(place * (toRank - fromRank));
    }
    [fromRank, fromShare] = [toRank, toShare];
  }
  return fromRank - 1;
}

function drawNames(random: Random, prefix: string, counts: readonly number[], popularity: Popularity): string[] {
  const count = drawIndex(random, counts);
  const names = new Set<string>();
  while (names.size < count) names.add(`${prefix}-${drawRank(random, popularity)}`);
  return [...names];
}
