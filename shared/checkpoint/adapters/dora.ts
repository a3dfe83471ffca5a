/**
 * DoRA: a change beside which every row, or every input channel, of the weight gets a length of its own.
 *
 * PEFT's `lora_magnitude_vector` counts outputs, whatever its shape; `dora_scale` of other trainers tells by its shape: [O, 1, …] or
 * [1, I, …].
 * Source: https://github.com/KohakuBlueleaf/LyCORIS/blob/v3.1.1/lycoris/modules/locon.py `apply_weight_decompose`
 */
import { elementCount, f32, type Shape, type Tensor } from '#shared/tensor/tensor.ts';
import type { ByRole, RoleTensors } from './adapter-kind.ts';

/** Whether the lengths of a module, if it has any, are as many as the weight's outputs or inputs. */
export function fitsMagnitude({ dora_scale: scale, magnitude }: ByRole<Shape>, [outputs, inputs]: Shape): boolean {
  if (magnitude && elementCount(magnitude) !== outputs) return false;
  if (!scale) return true;
  const count = elementCount(scale);
  return scale[0] === count ? count === outputs : scale[1] === count && count === inputs;
}

/** The lengths as [O, 1] or [1, I]; undefined where the module has none. */
export function magnitudeOf({ dora_scale: scale, magnitude }: RoleTensors): Tensor<'f32'> | undefined {
  if (magnitude) return f32([magnitude.data.length, 1], magnitude.data);
  if (!scale) return undefined;
  const count = scale.data.length;
  return f32(scale.shape[0] === count ? [count, 1] : [1, count], scale.data);
}
