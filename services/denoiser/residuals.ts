/** ControlNet residuals: several ControlNets are summed, as Diffusers' MultiControlNetModel does; the paper's artifact averages. */
import { MeshError } from '#shared/errors/errors.ts';
import { f32, pick, sameShape, showShape, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { giveBuffer } from '#shared/wire/spare-buffers.ts';

/**
 * Sums residuals of equal names and shapes into the arrays of the first; all of them are handed over, buffers included.
 *
 * all  for each ControlNet `residual_00` … `residual_mid`, f32 [N, C, h', w']
 * @throws MeshError WRONG_SHAPE when two ControlNets do not have the same residuals
 */
export function sumResiduals(all: readonly TensorMap[]): TensorMap | undefined {
  const [first, ...others] = all;
  if (!first) return undefined;
  const names = Object.keys(first);
  for (const other of others) {
    requireSameNames(names, Object.keys(other));
    for (const name of names) addInto(pick(first, name, 'f32'), pick(other, name, 'f32'), name);
    for (const { data } of Object.values(other)) giveBuffer(data.buffer);
  }
  return first;
}

function requireSameNames(names: readonly string[], others: readonly string[]): void {
  if (names.length === others.length && names.every((name) => others.includes(name))) return;
  throw new MeshError('WRONG_SHAPE', `Two ControlNets have ${names.length} and ${others.length} residuals.`, {
    names: [names, others],
  });
}

function addInto(sum: Tensor<'f32'>, part: Tensor<'f32'>, name: string): void {
  if (!sameShape(sum.shape, part.shape)) {
    throw new MeshError(
      'WRONG_SHAPE',
      `${name} is ${showShape(sum.shape)} and ${showShape(part.shape)} in two ControlNets.`,
      {
        name,
        shapes: [sum.shape, part.shape],
      },
    );
  }
  for (let i = 0; i < sum.data.length; i++) sum.data[i]! += part.data[i]!;
}

/**
 * Guess mode: the conditional half gets the residuals, the unconditional half zeros.
 *
 * residuals  f32 [B, C, h', w'] each
 * returns    f32 [2B, C, h', w'] each
 */
export function withZeroUnconditional(residuals: TensorMap): TensorMap {
  const double = (name: string): [string, Tensor<'f32'>] => {
    const half = pick(residuals, name, 'f32');
    const data = new Float32Array(half.data.length * 2);
    data.set(half.data, half.data.length);
    return [name, f32([half.shape[0]! * 2, ...half.shape.slice(1)], data)];
  };
  return Object.fromEntries(Object.keys(residuals).map(double));
}
