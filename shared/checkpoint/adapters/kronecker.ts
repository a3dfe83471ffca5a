/** LoKr: the Kronecker product of a small and a large matrix, either of them as it is or as a low-rank product. */
import { f32, type Shape, type Tensor } from '#shared/tensor/tensor.ts';
import { type AdapterKind, asMatrix, type ByRole, type RoleTensors } from './adapter-kind.ts';
import { foldCore, isCore, transposed } from './tucker.ts';

/** lokr_w1 [L, M] or lokr_w1_a @ lokr_w1_b; lokr_w2 [O/L, I/M, K, K] or lokr_w2_a @ lokr_w2_b; with a core lokr_t2 [R, R, K, K]: lokr_w2_a [R, O/L], lokr_w2_b [R, I/M]. */
export const KRONECKER: AdapterKind = {
  name: 'LoKr',
  marks: ['lokr_w1', 'lokr_w1_a', 'lokr_w1_b', 'lokr_w2', 'lokr_w2_a', 'lokr_w2_b', 'lokr_t2'],
  complete: [
    ['lokr_w1', 'lokr_w2'],
    ['lokr_w1', 'lokr_w2_a', 'lokr_w2_b'],
    ['lokr_w1_a', 'lokr_w1_b', 'lokr_w2'],
    ['lokr_w1_a', 'lokr_w1_b', 'lokr_w2_a', 'lokr_w2_b'],
  ],
  optional: ['lokr_t2', 'alpha', 'dora_scale', 'magnitude'],
  fit(shapes, weight) {
    const left = leftShape(shapes);
    const right = left && rightShape(shapes, left, weight);
    if (!right) return undefined;
    // Of two whole matrices neither has a rank: their alpha means nothing.
    const rank = shapes.lokr_w1_b?.[0] ?? shapes.lokr_w2_b?.[0];
    return { rank, shape: [left[0]! * right[0]!, left[1]! * right[1]!, ...right.slice(2)] };
  },
  change(tensors) {
    return { kind: 'kronecker', left: leftOf(tensors), ...rightOf(tensors) };
  },
};

function leftShape({ lokr_w1, lokr_w1_a, lokr_w1_b }: ByRole<Shape>): Shape | undefined {
  if (lokr_w1) return lokr_w1.length === 2 ? lokr_w1 : undefined;
  return lokr_w1_a!.length === 2 && lokr_w1_b!.length === 2 && lokr_w1_a![1] === lokr_w1_b![0]
    ? [lokr_w1_a![0]!, lokr_w1_b![1]!]
    : undefined;
}

/** A flat factor [R, I/M·K·K] has the shape of the weight that it fills. */
function rightShape(
  { lokr_w2, lokr_w2_a, lokr_w2_b, lokr_t2 }: ByRole<Shape>,
  left: Shape,
  weight: Shape,
): Shape | undefined {
  if (lokr_w2) return lokr_w2.length >= 2 ? lokr_w2 : undefined;
  if (lokr_w2_a!.length !== 2 || lokr_w2_b!.length < 2) return undefined;
  if (lokr_t2)
    return isCore(lokr_t2, lokr_w2_a![0]!, lokr_w2_b![0]!)
      ? [lokr_w2_a![1]!, lokr_w2_b![1]!, ...lokr_t2.slice(2)]
      : undefined;
  if (!lokr_w2_a![1] || lokr_w2_a![1] !== lokr_w2_b![0]) return undefined;
  const [, inputs, ...kernel] = weight;
  const columns = inputs! / left[1]!;
  const isFlat = lokr_w2_b!.length === 2 && lokr_w2_b![1] === kernel.reduce((product, size) => product * size, columns);
  return [lokr_w2_a![0]!, ...(isFlat ? [columns, ...kernel] : lokr_w2_b!.slice(1))];
}

function leftOf({ lokr_w1, lokr_w1_a, lokr_w1_b }: RoleTensors): Tensor<'f32'> {
  if (lokr_w1) return lokr_w1;
  const [rows, rank] = lokr_w1_a!.shape as [number, number];
  const columns = lokr_w1_b!.shape[1]!;
  const left = f32([rows, columns]);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let r = 0; r < rank; r++) sum += lokr_w1_a!.data[row * rank + r]! * lokr_w1_b!.data[r * columns + column]!;
      left.data[row * columns + column] = sum;
    }
  }
  return left;
}

function rightOf({ lokr_w2, lokr_w2_a, lokr_w2_b, lokr_t2 }: RoleTensors): {
  right_up: Tensor<'f32'>;
  right_down?: Tensor<'f32'>;
} {
  if (lokr_w2) return { right_up: asMatrix(lokr_w2) };
  if (lokr_t2) return { right_up: transposed(lokr_w2_a!), right_down: foldCore(lokr_t2, asMatrix(lokr_w2_b!)) };
  return { right_up: lokr_w2_a!, right_down: asMatrix(lokr_w2_b!) };
}
