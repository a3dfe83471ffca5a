/** Tucker's form of a convolution's factor: a small core between two 1×1 convolutions, as LoCon, LoHa and LoKr have it. */
import { f32, type Shape, type Tensor } from '#shared/tensor/tensor.ts';

/**
 * The core multiplied into its inner factor, which leaves a plain low-rank pair.
 *
 * core     [A, B, K, K]
 * inner    [B, I]
 * returns  [A, I·K·K]: Σ_b core[a, b, k] · inner[b, i]
 */
export function foldCore(core: Tensor<'f32'>, inner: Tensor<'f32'>): Tensor<'f32'> {
  const [outer, rank, ...kernel] = core.shape as [number, number, ...number[]];
  const area = kernel.reduce((product, size) => product * size, 1);
  const inputs = inner.data.length / rank;
  const folded = f32([outer, inputs * area]);
  for (let a = 0; a < outer; a++) {
    for (let i = 0; i < inputs; i++) {
      for (let k = 0; k < area; k++) {
        let sum = 0;
        for (let b = 0; b < rank; b++) sum += core.data[(a * rank + b) * area + k]! * inner.data[b * inputs + i]!;
        folded.data[(a * inputs + i) * area + k] = sum;
      }
    }
  }
  return folded;
}

/** [R, O] → [O, R] */
export function transposed({ shape, data }: Tensor<'f32'>): Tensor<'f32'> {
  const [rows, columns] = shape as [number, number];
  const turned = f32([columns, rows]);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) turned.data[c * rows + r] = data[r * columns + c]!;
  }
  return turned;
}

/** Whether a core lies between factors of these ranks. */
export function isCore(core: Shape, outerRank: number, innerRank: number): boolean {
  return core.length > 2 && core[0] === outerRank && core[1] === innerRank;
}
