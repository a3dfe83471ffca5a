/**
 * OFT: each block of a weight's outputs is rotated. The blocks hold any matrix; Cayley's transform makes a rotation of it.
 * Source: https://github.com/KohakuBlueleaf/LyCORIS/blob/v3.1.1/lycoris/functional/diag_oft.py
 */
import { f32, type Shape, type Tensor } from '#shared/tensor/tensor.ts';
import type { AdapterKind, RoleTensors } from './adapter-kind.ts';
import { invert } from './invert.ts';

/** blocks [O/b, b, b]; rescale [O] or [O, 1, …]; alpha: how far a rotation may go, 0 without limit */
export const ROTATION: AdapterKind = {
  name: 'OFT',
  marks: ['blocks', 'rescale'],
  complete: [['blocks']],
  optional: ['rescale', 'alpha'],
  usesAlpha: true,
  fit({ blocks, rescale }, weight) {
    const [count, size, other] = blocks!;
    const outputs = count! * size!;
    if (blocks!.length !== 3 || size !== other) return undefined;
    if (rescale && rescale[0] !== outputs) return undefined;
    return { rank: undefined, shape: [outputs, ...weight.slice(1)] };
  },
  change(tensors, weight) {
    return { kind: 'rotation', blocks: rotations(tensors, weight) };
  },
};

/** Rᵀ less the identity for each block, rows times `rescale`. */
function rotations({ blocks, rescale, alpha }: RoleTensors, [outputs]: Shape): Tensor<'f32'> {
  const [count, size] = blocks!.shape as [number, number];
  const skew = skewed(blocks!.data, size);
  limit(skew, (alpha?.data[0] ?? 0) * outputs!);
  const result = f32([count, size, size]);
  for (let block = 0; block < count; block++) {
    const rotation = cayley(skew.subarray(block * size * size, (block + 1) * size * size), size);
    for (let i = 0; i < size; i++) {
      const row = block * size + i;
      for (let j = 0; j < size; j++) {
        const turned = rotation[j * size + i]! * (rescale?.data[row] ?? 1);
        result.data[row * size + j] = turned - (i === j ? 1 : 0);
      }
    }
  }
  return result;
}

/** B − Bᵀ of every block, in doubles. */
function skewed(blocks: Float32Array, size: number): Float64Array {
  const area = size * size;
  return Float64Array.from(blocks, (value, at) => {
    const start = at - (at % area);
    const [row, column] = [Math.floor((at % area) / size), at % size];
    return value - blocks[start + column * size + row]!;
  });
}

/** All blocks together are at most `max` long; 0 is no limit. */
function limit(skew: Float64Array, max: number): void {
  const norm = Math.sqrt(skew.reduce((sum, value) => sum + value * value, 0));
  if (max <= 0 || norm <= max) return;
  for (let i = 0; i < skew.length; i++) skew[i]! *= max / norm;
}

/** (I + Q) (I − Q)⁻¹: a rotation for every skew-symmetric Q. */
function cayley(skew: Float64Array, size: number): Float64Array {
  const plus = Float64Array.from(skew, (value, at) => value + (at % (size + 1) === 0 ? 1 : 0));
  const inverse = invert(
    Float64Array.from(skew, (value, at) => (at % (size + 1) === 0 ? 1 : 0) - value),
    size,
  );
  const product = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < size; k++) {
      const factor = plus[i * size + k]!;
      for (let j = 0; j < size; j++) product[i * size + j]! += factor * inverse[k * size + j]!;
    }
  }
  return product;
}
