/**
 * Changes that are low-rank in another form, as the pair of factors that a side branch takes: an elementwise product of ranks R and S
 * has rank R·S, a Kronecker product the product of its sides' ranks.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { f32, type Tensor } from '#shared/tensor/tensor.ts';
import type { HadamardChange, KroneckerChange, WeightChange } from '#shared/tensor/weight-change.ts';

type F32 = Tensor<'f32'>;

/** up [O, R], down [R, N] */
export interface Pair {
  readonly up: F32;
  readonly down: F32;
}

/** The rank that a change takes in a branch. @throws MeshError LORA_UNSUPPORTED for a kind that has none */
export function changeRank(change: WeightChange, weight: string): number {
  if ('magnitude' in change && change.magnitude) throw noRank(weight, 'DoRA');
  switch (change.kind) {
    case 'low_rank':
      return change.up.shape[1]!;
    case 'hadamard':
      return change.up_1.shape[1]! * change.up_2.shape[1]!;
    case 'kronecker':
      return Math.min(...change.left.shape) * rightRank(change);
    default:
      throw noRank(weight, change.kind);
  }
}

/** The factors of a change. @throws as {@link changeRank} */
export function pairOf(change: WeightChange, weight: string): Pair {
  switch (change.kind) {
    case 'low_rank':
      return change;
    case 'hadamard':
      return hadamardPair(change);
    case 'kronecker':
      return kroneckerPair(change);
    default:
      throw noRank(weight, change.kind);
  }
}

function rightRank({ right_up: up, right_down: down }: KroneckerChange): number {
  return down ? up.shape[1]! : up.shape[0]!;
}

/** Column (r, s) of up is the product of columns r and s, row (r, s) of down that of the rows. */
function hadamardPair({ up_1, down_1, up_2, down_2 }: HadamardChange): Pair {
  const [outputs, r1] = up_1.shape as [number, number];
  const [r2, columns] = down_2.shape as [number, number];
  const up = f32([outputs, r1 * r2]);
  const down = f32([r1 * r2, columns]);
  for (let a = 0; a < r1; a++) {
    for (let b = 0; b < r2; b++) {
      const r = a * r2 + b;
      for (let o = 0; o < outputs; o++) up.data[o * r1 * r2 + r] = up_1.data[o * r1 + a]! * up_2.data[o * r2 + b]!;
      for (let n = 0; n < columns; n++) {
        down.data[r * columns + n] = down_1.data[a * columns + n]! * down_2.data[b * columns + n]!;
      }
    }
  }
  return { up, down };
}

/** (A B) ⊗ (C D) = (A ⊗ C) (B ⊗ D), with the identity on the side of `left` that makes the rank smaller. */
function kroneckerPair(change: KroneckerChange): Pair {
  const { left, right_up: up } = change;
  const [rows, columns] = left.shape as [number, number];
  const [inner, outer] = change.right_down ? [up, change.right_down] : [identity(up.shape[0]!), up];
  return rows <= columns
    ? { up: kronecker(identity(rows), inner), down: kronecker(left, outer) }
    : { up: kronecker(left, inner), down: kronecker(identity(columns), outer) };
}

function identity(size: number): F32 {
  const one = f32([size, size]);
  for (let i = 0; i < size; i++) one.data[i * size + i] = 1;
  return one;
}

/** [A, B] ⊗ [C, D] → [A·C, B·D] */
function kronecker(left: F32, right: F32): F32 {
  const [a, b] = left.shape as [number, number];
  const [c, d] = right.shape as [number, number];
  const product = f32([a * c, b * d]);
  for (let i = 0; i < a * c; i++) {
    const [outer, inner] = [Math.floor(i / c), i % c];
    for (let j = 0; j < b * d; j++) {
      product.data[i * b * d + j] = left.data[outer * b + Math.floor(j / d)]! * right.data[inner * d + (j % d)]!;
    }
  }
  return product;
}

function noRank(weight: string, kind: string): MeshError {
  const text = `A LoRA changes ${weight} in a way that has no low rank (${kind}), and this device adds LoRAs beside its weights: set LATENTMESH_LORA_STRATEGY=fed.`;
  return new MeshError('LORA_UNSUPPORTED', text, { weight, kind });
}
