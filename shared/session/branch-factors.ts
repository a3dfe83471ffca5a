/**
 * LoRAs as side branches: their factors, made as large as the graph has room for. For devices that copy what is fed: a
 * factor is a hundredth of its weight.
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { Branches } from '#shared/graph/graph-model.ts';
import type { Shape } from '#shared/tensor/tensor.ts';
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
 * @throws MeshError LORA_UNSUPPORTED when the ranks of the LoRAs together are beyond the largest
 */
export function branchFactors(pairs: readonly Factors[], shapes: ReadonlyMap<string, Shape>): BranchFactors {
  const rank = paddedRank(pairs);
  const hasKernels = pairs.some(({ weight }) =>
    shapes
      .get(weight)!
      .slice(2)
      .some((size) => size > 1),
  );
  const arrays = pairs.flatMap(({ weight, up, down }): [string, Float32Array<ArrayBuffer>][] => [
    [`${weight}.up`, widenedRows(up.data as Float32Array, up.shape[1]!, rank)],
    [`${weight}.down`, paddedEnd(down.data as Float32Array, rank * down.shape[1]!)],
  ]);
  return { branches: { rank, hasKernels }, arrays: new Map(arrays) };
}

function paddedRank(pairs: readonly Factors[]): number {
  const largest = Math.max(0, ...pairs.map(({ up }) => up.shape[1]!));
  const rank = RANKS.find((one) => one >= largest);
  if (rank !== undefined) return rank;
  const { weight } = pairs.find(({ up }) => up.shape[1] === largest)!;
  throw new MeshError(
    'LORA_UNSUPPORTED',
    `The LoRAs have rank ${largest} together at ${weight}, this device adds up to ${RANKS.at(-1)} beside its weights: use fewer or smaller ones, or set LATENTMESH_LORA_STRATEGY=fed.`,
    { weight, rank: largest, max: RANKS.at(-1) },
  );
}

/** Rows of `from` numbers become rows of `to`, zeros behind. */
function widenedRows(values: Float32Array, from: number, to: number): Float32Array<ArrayBuffer> {
  const rows = values.length / from;
  const wide = new Float32Array(rows * to);
  for (let row = 0; row < rows; row++) wide.set(values.subarray(row * from, (row + 1) * from), row * to);
  return wide;
}

function paddedEnd(values: Float32Array, length: number): Float32Array<ArrayBuffer> {
  const padded = new Float32Array(length);
  padded.set(values);
  return padded;
}
