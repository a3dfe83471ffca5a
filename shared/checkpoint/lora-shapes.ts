/** Whether a module's tensors fit each other and the weight they change. */
import { MeshError } from '#shared/errors/errors.ts';
import { type Shape, sameShape, showShape } from '#shared/tensor/tensor.ts';
import { type AdapterKind, type ByRole, withoutOnes } from './adapters/adapter-kind.ts';
import { fitsMagnitude } from './adapters/dora.ts';
import { isFloat } from './float-values.ts';
import type { SafetensorsFile } from './safetensors.ts';

/** A module with its tensors' names; `shape` is that of the base's weight. */
export interface ModuleNames {
  readonly kind: AdapterKind;
  readonly weight: string;
  readonly shape: Shape;
  readonly keys: ByRole<string>;
}

/** Width of the text embeddings that cross-attention takes, and the base models that have it. */
const BASE_BY_TEXT_WIDTH: Readonly<Record<number, string>> = {
  768: 'Stable Diffusion 1.x',
  1024: 'Stable Diffusion 2.x',
  2048: 'Stable Diffusion XL',
};

/**
 * Checks a module's shapes.
 *
 * returns what alpha is divided by; undefined where it has no part in the change
 * @throws MeshError LORA_INVALID when the tensors do not fit each other or the numbers are no floats; LORA_MISMATCH when they were made for another width.
 */
export function checkModule(file: SafetensorsFile, module: ModuleNames): number | undefined {
  const { shape, kind, keys } = module;
  for (const [role, key] of Object.entries(keys)) if (role !== 'alpha' && role !== 'on_input') requireFloats(file, key);
  const shapes = Object.fromEntries(Object.entries(keys).map(([role, key]) => [role, file.tensors.get(key)!.shape]));
  const fit = Object.values(shapes).some((one) => one.includes(0)) ? undefined : kind.fit(shapes, shape);
  if (!fit) throw contradiction(file.path, module, shapes);
  if (!sameShape(withoutOnes(fit.shape), withoutOnes(shape))) throw mismatch(file.path, module, fit.shape);
  if (!fitsMagnitude(shapes, shape)) throw contradiction(file.path, module, shapes);
  return fit.rank;
}

function contradiction(path: string, { weight, kind }: ModuleNames, shapes: ByRole<Shape>): MeshError {
  const listed = Object.entries(shapes)
    .filter(([role]) => role !== 'alpha')
    .map(([role, shape]) => `${role} ${showShape(shape)}`);
  const text = `${path}: the tensors of ${weight} do not fit each other (${kind.name}): ${listed.join(', ')}.`;
  return new MeshError('LORA_INVALID', text, { file: path, weight, ...shapes });
}

function requireFloats({ path, tensors }: SafetensorsFile, key: string): void {
  const { dtype } = tensors.get(key)!;
  if (isFloat(dtype)) return;
  throw new MeshError('LORA_INVALID', `${path}: ${key} is ${dtype}, factors are floats.`, { file: path, key, dtype });
}

function mismatch(path: string, { weight, shape }: ModuleNames, made: Shape): MeshError {
  const base = /\.attn2\.to_[kv]\.weight$/.test(weight) ? BASE_BY_TEXT_WIDTH[made[1]!] : undefined;
  return new MeshError(
    'LORA_MISMATCH',
    `${path} was made for ${base ?? 'a base model of another width'}: its ${weight} is ${showShape(made)}, ` +
      `this model's is ${showShape(shape)}.`,
    { file: path, weight, expected: shape, got: made, ...(base && { base }) },
  );
}
