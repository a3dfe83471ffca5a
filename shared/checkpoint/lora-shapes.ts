/** Whether a module's factors fit each other and the weight they patch. */
import { MeshError } from '#shared/errors/errors.ts';
import { type Shape, sameShape, showShape } from '#shared/tensor/tensor.ts';
import { isFloat } from './float-values.ts';
import type { SafetensorsFile } from './safetensors.ts';

/** A module with its factors' names; `shape` is that of the base's weight. */
export interface FactorNames {
  readonly weight: string;
  readonly shape: Shape;
  readonly up: string;
  readonly down: string;
}

/** Width of the text embeddings that cross-attention takes, and the base models that have it. */
const BASE_BY_TEXT_WIDTH: Readonly<Record<number, string>> = {
  768: 'Stable Diffusion 1.x',
  1024: 'Stable Diffusion 2.x',
  2048: 'Stable Diffusion XL',
};

/** A 1×1 convolution and a linear layer hold the same numbers: [O, I, 1, 1] → [O, I]. */
const asMatrix = (shape: Shape): Shape =>
  shape.length === 4 && shape[2] === 1 && shape[3] === 1 ? shape.slice(0, 2) : shape;

/**
 * Checks down [R, I] or [R, I, K, K] and up [O, R] or [O, R, 1, 1] against the weight [O, I] or [O, I, K, K].
 *
 * returns the rank R
 * @throws MeshError LORA_INVALID when the ranks differ or the numbers are no floats; LORA_MISMATCH when the factors were made for another width.
 */
export function checkFactorShapes(file: SafetensorsFile, module: FactorNames): number {
  const { weight, shape } = module;
  for (const key of [module.up, module.down]) requireFloats(file, key);
  const up = asMatrix(file.tensors.get(module.up)!.shape);
  const down = asMatrix(file.tensors.get(module.down)!.shape);
  const rank = down[0] ?? 0;
  if (up.length !== 2 || down.length < 2 || rank === 0 || up[1] !== rank) {
    throw new MeshError(
      'LORA_INVALID',
      `${file.path}: the factors of ${weight} do not share a rank: up ${showShape(up)}, down ${showShape(down)}.`,
      { file: file.path, weight, up, down },
    );
  }
  const [outputs, ...inputs] = asMatrix(shape) as [number, ...number[]];
  if (up[0] !== outputs || !sameShape(down.slice(1), inputs))
    throw mismatch(file.path, module, [up[0]!, ...down.slice(1)]);
  return rank;
}

function requireFloats({ path, tensors }: SafetensorsFile, key: string): void {
  const { dtype } = tensors.get(key)!;
  if (isFloat(dtype)) return;
  throw new MeshError('LORA_INVALID', `${path}: ${key} is ${dtype}, factors are floats.`, { file: path, key, dtype });
}

function mismatch(path: string, { weight, shape }: FactorNames, made: Shape): MeshError {
  const base = /\.attn2\.to_[kv]\.weight$/.test(weight) ? BASE_BY_TEXT_WIDTH[made[1]!] : undefined;
  return new MeshError(
    'LORA_MISMATCH',
    `${path} was made for ${base ?? 'a base model of another width'}: its ${weight} is ${showShape(made)}, ` +
      `this model's is ${showShape(shape)}.`,
    { file: path, weight, expected: shape, got: made, ...(base && { base }) },
  );
}
