/**
 * LoRAs as side branches: their factors, made as large as the graph has room for. For devices that copy what is fed: a
 * factor is a hundredth of its weight.
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { Branches } from '#shared/graph/graph-model.ts';
import { changeRank, type Pair, pairOf } from './branch-pairs.ts';
import type { Factors } from './factors.ts';

/** Ranks that graphs are made for: each is a session of its own, and twice the rank costs twice as much in the branch. */
const RANKS = [16, 64, 128, 256] as const;

/** A set's arrays by the names that graphs have for them, and the graph that it needs. */
export interface BranchFactors {
  readonly branches: Branches;
  /** `<weight>.up` [O, R], `<weight>.down` [R, I·K·K] */
  readonly arrays: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/**
 * Pads factors to one of a few ranks.
 * @throws MeshError LORA_UNSUPPORTED when the ranks of the LoRAs together are beyond the largest, or one is of a kind that has
 *   no low rank
 */
export function branchFactors(patches: readonly Factors[]): BranchFactors {
  const rank = paddedRank(patches);
  const hasKernels = patches.some(({ shape }) => shape.slice(2).some((size) => size > 1));
  const arrays = patches.flatMap((patch): [string, Float32Array<ArrayBuffer>][] => {
    const padded = paddedPair(pairsOf(patch), rank);
    return [
      [`${patch.weight}.up`, padded.up],
      [`${patch.weight}.down`, padded.down],
    ];
  });
  return { branches: { rank, hasKernels }, arrays: new Map(arrays) };
}

function pairsOf({ weight, factors, changes }: Factors): Pair[] {
  return [...(factors ? [factors] : []), ...changes.map((change) => pairOf(change, weight))];
}

/** Before anything is multiplied: what does not fit would be large. */
function rankOf({ weight, factors, changes }: Factors): number {
  return changes.reduce((sum, change) => sum + changeRank(change, weight), factors?.up.shape[1] ?? 0);
}

function paddedRank(patches: readonly Factors[]): number {
  const ranks = patches.map(rankOf);
  const largest = Math.max(0, ...ranks);
  const rank = RANKS.find((one) => one >= largest);
  if (rank !== undefined) return rank;
  const { weight } = patches[ranks.indexOf(largest)]!;
  throw new MeshError(
    'LORA_UNSUPPORTED',
    `The LoRAs have rank ${largest} together at ${weight}, this device adds up to ${RANKS.at(-1)} beside its weights: use fewer or smaller ones, or set LATENTMESH_LORA_STRATEGY=fed.`,
    { weight, rank: largest, max: RANKS.at(-1) },
  );
}

/** Pairs side by side, zeros behind: rows of `up` grow to `rank` numbers, `down` gets further rows. */
function paddedPair(pairs: readonly Pair[], rank: number): Record<'up' | 'down', Float32Array<ArrayBuffer>> {
  const rows = pairs[0]!.up.shape[0]!;
  const columns = pairs[0]!.down.shape[1]!;
  const wide = { up: new Float32Array(rows * rank), down: new Float32Array(rank * columns) };
  let used = 0;
  for (const { up, down } of pairs) {
    const own = up.shape[1]!;
    for (let row = 0; row < rows; row++) wide.up.set(up.data.subarray(row * own, (row + 1) * own), row * rank + used);
    wide.down.set(down.data, used * columns);
    used += own;
  }
  return wide;
}
