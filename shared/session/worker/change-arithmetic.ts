/** What each kind of adapter adds to a weight: the arithmetic behind `shared/tensor/weight-change.ts`. */
import { elementCount, f32, type Shape, type Tensor } from '#shared/tensor/tensor.ts';
import type { KroneckerChange, RotationChange, ScalingChange, WeightChange } from '#shared/tensor/weight-change.ts';

type F32 = Tensor<'f32'>;
type Numbers = Float32Array<ArrayBuffer>;

/** What a change is computed from. */
export interface ChangeContext {
  /** f32 [O, N], not written */
  readonly weight: Float32Array;
  /** [O, I, K, K] */
  readonly shape: Shape;
  /** a [A, B] · b [B, C] → [A, C] */
  multiply(a: F32, b: F32): Promise<Numbers>;
}

/** What is to be added to the weight, f32 [O, N], in an array of its own. */
export async function changed(change: WeightChange, context: ChangeContext): Promise<Numbers> {
  const added = await addedBy(change, context);
  if (!('magnitude' in change) || !change.magnitude) return added;
  return renormalised(added, change.magnitude, change.strength?.data[0] ?? 1, context);
}

async function addedBy(change: WeightChange, context: ChangeContext): Promise<Numbers> {
  switch (change.kind) {
    case 'low_rank':
      return context.multiply(change.up, change.down);
    case 'hadamard': {
      const first = await context.multiply(change.up_1, change.down_1);
      const second = await context.multiply(change.up_2, change.down_2);
      for (let i = 0; i < first.length; i++) first[i]! *= second[i]!;
      return first;
    }
    case 'kronecker':
      return kronecker(change, context);
    case 'full':
      return change.delta.data as Numbers;
    case 'rotation':
      return rotated(change, context);
    case 'scaling':
      return scaled(change, context);
  }
}

/** Row (i, a), column (j, b) of left ⊗ right is left[i, j] · right[a, b]; the kernel is part of b. */
async function kronecker({ left, right_up, right_down }: KroneckerChange, context: ChangeContext): Promise<Numbers> {
  const right = right_down ? await context.multiply(right_up, right_down) : right_up.data;
  const [rows, columns] = left.shape as [number, number];
  const innerRows = right_up.shape[0]!;
  const innerColumns = right.length / innerRows;
  const product = new Float32Array(context.weight.length);
  let at = 0;
  for (let row = 0; row < rows * innerRows; row++) {
    const [outer, inner] = [Math.floor(row / innerRows), row % innerRows];
    for (let j = 0; j < columns; j++) {
      const factor = left.data[outer * columns + j]!;
      for (let b = 0; b < innerColumns; b++) product[at++] = factor * right[inner * innerColumns + b]!;
    }
  }
  return product;
}

/** Each block of rows by its matrix. */
async function rotated({ blocks }: RotationChange, { weight, multiply }: ChangeContext): Promise<Numbers> {
  const [count, size] = blocks.shape as [number, number];
  const columns = weight.length / (count * size);
  const product = new Float32Array(weight.length);
  for (let block = 0; block < count; block++) {
    const matrix = f32([size, size], blocks.data.subarray(block * size * size, (block + 1) * size * size));
    const start = block * size * columns;
    const rows = f32([size, columns], weight.slice(start, start + size * columns));
    product.set(await multiply(matrix, rows), start);
  }
  return product;
}

function scaled({ rows, columns }: ScalingChange, { weight, shape }: ChangeContext): Numbers {
  const groupOf = grouping(shape, Boolean(rows));
  const factors = (rows ?? columns)!.data;
  const product = new Float32Array(weight.length);
  for (let i = 0; i < product.length; i++) product[i] = weight[i]! * factors[groupOf(i)]!;
  return product;
}

/** The row of an element, or its input channel. */
function grouping([, inputs = 1, ...kernel]: Shape, isByRow: boolean): (at: number) => number {
  const area = elementCount(kernel);
  const perRow = inputs * area;
  return isByRow ? (at) => Math.floor(at / perRow) : (at) => Math.floor(at / area) % inputs;
}

/** strength · (magnitude · (W + D) / ‖W + D‖ − W), in place of D; norms over rows, or over all of an input channel. */
function renormalised(added: Numbers, magnitude: F32, strength: number, { weight, shape }: ChangeContext): Numbers {
  const groupOf = grouping(shape, magnitude.shape[0] === shape[0] && magnitude.shape[1] === 1);
  const squares = new Float64Array(magnitude.data.length);
  for (let i = 0; i < added.length; i++) squares[groupOf(i)]! += (added[i]! + weight[i]!) ** 2;
  const factors = squares.map((square, group) => magnitude.data[group]! / Math.sqrt(square));
  for (let i = 0; i < added.length; i++) {
    const merged = added[i]! + weight[i]!;
    added[i] = strength * (merged * factors[groupOf(i)]! - weight[i]!);
  }
  return added;
}
