/** LoHa: the elementwise product of two low-rank products. */
import type { Shape, Tensor } from '#shared/tensor/tensor.ts';
import { type AdapterKind, asMatrix, type RoleTensors } from './adapter-kind.ts';
import { foldCore, isCore, transposed } from './tucker.ts';

/** hada_w1_a, hada_w2_a [O, R], hada_w1_b, hada_w2_b [R, I·K·K]; with cores hada_t1, hada_t2 [R, R, K, K]: hada_w1_a, hada_w2_a [R, O], hada_w1_b, hada_w2_b [R, I]. */
export const HADAMARD: AdapterKind = {
  name: 'LoHa',
  marks: ['hada_t1', 'hada_t2', 'hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b'],
  complete: [['hada_w1_a', 'hada_w1_b', 'hada_w2_a', 'hada_w2_b']],
  optional: ['hada_t1', 'hada_t2', 'alpha', 'dora_scale', 'magnitude'],
  fit({ hada_w1_a, hada_w1_b, hada_w2_a, hada_w2_b, hada_t1, hada_t2 }, weight) {
    const first = fitHalf(hada_w1_a!, hada_w1_b!, hada_t1, weight);
    const second = fitHalf(hada_w2_a!, hada_w2_b!, hada_t2, weight);
    if (!first || !second || first.join() !== second.join() || Boolean(hada_t1) !== Boolean(hada_t2)) return undefined;
    return { rank: hada_w1_b![0]!, shape: first };
  },
  change({ hada_w1_a, hada_w1_b, hada_w2_a, hada_w2_b, hada_t1, hada_t2 }: RoleTensors) {
    const [up_1, down_1] = half(hada_w1_a!, hada_w1_b!, hada_t1);
    const [up_2, down_2] = half(hada_w2_a!, hada_w2_b!, hada_t2);
    return { kind: 'hadamard', up_1, down_1, up_2, down_2 };
  },
};

/** A flat factor [R, I·K·K] has the shape of the weight that it fills. */
function fitHalf(a: Shape, b: Shape, core: Shape | undefined, [, inputs, ...kernel]: Shape): Shape | undefined {
  if (a.length !== 2 || b.length < 2) return undefined;
  if (core) return isCore(core, a[0]!, b[0]!) ? [a[1]!, ...b.slice(1), ...core.slice(2)] : undefined;
  if (!a[1] || a[1] !== b[0]) return undefined;
  const isFlat = b.length === 2 && b[1] === kernel.reduce((product, size) => product * size, inputs!);
  return [a[0]!, ...(isFlat ? [inputs!, ...kernel] : b.slice(1))];
}

function half(a: Tensor<'f32'>, b: Tensor<'f32'>, core: Tensor<'f32'> | undefined): [Tensor<'f32'>, Tensor<'f32'>] {
  return core ? [transposed(a), foldCore(core, asMatrix(b))] : [a, asMatrix(b)];
}
