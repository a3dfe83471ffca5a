/** A LoRA file against a base model: which weights it patches with which tensors. Reads the header and the alphas only. */
import { MeshError } from '#shared/errors/errors.ts';
import { type Shape, showShape } from '#shared/tensor/tensor.ts';
import type { AdapterKind, AdapterRole, ByRole } from './adapters/adapter-kind.ts';
import { toF32 } from './float-values.ts';
import { adapterHeader } from './lora-alpha.ts';
import { kindOf } from './lora-kinds.ts';
import {
  type LoraBase,
  type LoraPart,
  type LoraTarget,
  LoraTargets,
  otherBase,
  otherMethod,
  parseLoraKey,
} from './lora-names.ts';
import { checkModule } from './lora-shapes.ts';
import { readTensors, type SafetensorsFile } from './safetensors.ts';

/** One patched weight: W' = W + scale · multiplier · change. */
export interface LoraModule {
  readonly part: LoraPart;
  /** Canonical name in the base model. */
  readonly weight: string;
  /** Shape of the weight in the base model. */
  readonly shape: Shape;
  readonly kind: AdapterKind;
  /** Tensor names in the LoRA's file. */
  readonly keys: ByRole<string>;
  /** alpha / rank; 1 where the kind has no rank. */
  readonly multiplier: number;
}

/** A LoRA file that fits a base model. */
export interface LoraPlan {
  readonly file: SafetensorsFile;
  readonly modules: readonly LoraModule[];
}

type Found = LoraTarget & { readonly keys: ByRole<string> };

/** Names listed in a message; the rest is counted. */
const MAX_LISTED = 3;
/** Names in the details of an error. */
const MAX_DETAILED = 20;

/**
 * Maps every tensor of a LoRA file to a weight of the base model and checks that its shape fits.
 *
 * Nothing is passed over in silence: a LoRA whose keys are ignored looks like one that has no effect.
 * @throws MeshError LORA_INVALID (no LoRA, a factor missing, shapes that contradict each other), LORA_UNSUPPORTED (what
 *   changes biases, norms …), LORA_UNKNOWN_KEY (modules that the base does not have), LORA_MISMATCH (another base's shapes or
 *   names).
 */
export async function planLora(file: SafetensorsFile, base: LoraBase): Promise<LoraPlan> {
  const keys = [...file.tensors.keys()];
  refuseOtherFiles(file.path, keys);
  const found = groupByWeight(file.path, keys, new LoraTargets(base));
  const alphas = await readAlphas(file, found);
  const header = adapterHeader(file);
  const modules = found.map(({ part, weight, keys: ofModule }) => {
    const kind = kindOf({ path: file.path, weight }, ofModule);
    const shape = base[part]!.get(weight)!;
    const rank = checkModule(file, { kind, weight, shape, keys: ofModule });
    if (header.isDora(part) && !ofModule.magnitude && !ofModule.dora_scale) throw noMagnitude(file.path, weight);
    // Where nothing is divided by a rank, trainers write alphas that overflow their own precision.
    if (rank === undefined) return { part, weight, shape, kind, keys: ofModule, multiplier: 1 };
    const alpha = ofModule.alpha === undefined ? header.alpha({ part, weight }, rank) : alphas.get(ofModule.alpha);
    if (alpha !== undefined && !Number.isFinite(alpha))
      throw badAlpha(file.path, ofModule.alpha ?? weight, String(alpha));
    return { part, weight, shape, kind, keys: ofModule, multiplier: (alpha ?? rank) / rank };
  });
  return { file, modules };
}

function refuseOtherFiles(path: string, keys: readonly string[]): void {
  for (const key of keys) {
    const method = otherMethod(key);
    if (method) {
      throw new MeshError('LORA_UNSUPPORTED', `${path} has ${method} (${key}), which are not supported.`, {
        file: path,
        key,
        method,
      });
    }
  }
  if (keys.some((key) => parseLoraKey(key) !== undefined && !key.endsWith('.alpha'))) return;
  const isCheckpoint = keys.some((key) => key.startsWith('model.diffusion_model.'));
  const hint = isCheckpoint ? 'it is a whole checkpoint' : 'it has no low-rank factors';
  throw new MeshError('LORA_INVALID', `${path} is no LoRA: ${hint}.`, {
    file: path,
    keys: keys.slice(0, MAX_DETAILED),
  });
}

function groupByWeight(path: string, keys: readonly string[], targets: LoraTargets): Found[] {
  const found = new Map<string, Found>();
  const unknown: string[] = [];
  for (const key of keys) {
    const parsed = parseLoraKey(key);
    const target = parsed && targets.find(parsed.module);
    if (!target) unknown.push(key);
    else addKey(path, found, target, parsed.role, key);
  }
  if (unknown.length > 0) throw unknownKeys(path, unknown);
  return [...found.values()];
}

function addKey(path: string, found: Map<string, Found>, target: LoraTarget, role: AdapterRole, key: string): void {
  const id = `${target.part} ${target.weight}`;
  const keys = found.get(id)?.keys ?? {};
  const twin = keys[role];
  if (twin !== undefined) {
    throw new MeshError('LORA_INVALID', `${path}: ${twin} and ${key} are both the ${role} of ${target.weight}.`, {
      file: path,
      keys: [twin, key],
    });
  }
  found.set(id, { ...target, keys: { ...keys, [role]: key } });
}

function unknownKeys(path: string, keys: readonly string[]): MeshError {
  const base = keys.map(otherBase).find((name) => name !== undefined);
  const listed = keys.slice(0, MAX_LISTED).join(', ');
  const more = keys.length > MAX_LISTED ? ` and ${keys.length - MAX_LISTED} more` : '';
  const details = { file: path, keys: keys.slice(0, MAX_DETAILED), count: keys.length };
  if (base)
    return new MeshError('LORA_MISMATCH', `${path} was made for ${base}: ${listed}${more}.`, { ...details, base });
  const text = `${path} has keys that mean no weight of this model: ${listed}${more}. Was it made for another base model?`;
  return new MeshError('LORA_UNKNOWN_KEY', text, details);
}

/** Alphas by key: a scalar, or one number in a vector. */
async function readAlphas(file: SafetensorsFile, found: readonly Found[]): Promise<Map<string, number>> {
  const keys = found.flatMap(({ keys: { alpha } }) => (alpha === undefined ? [] : [alpha]));
  for (const key of keys) {
    const { shape } = file.tensors.get(key)!;
    if (shape.some((size) => size !== 1)) throw badAlpha(file.path, key, showShape(shape));
  }
  const tensors = await readTensors(file, keys);
  return new Map([...tensors].map(([key, tensor]) => [key, toF32(tensor)?.[0] ?? Number(tensor.data[0])]));
}

function noMagnitude(path: string, weight: string): MeshError {
  const text = `${path} says that it is a DoRA, and ${weight} has no magnitude.`;
  return new MeshError('LORA_INVALID', text, { file: path, weight });
}

function badAlpha(path: string, key: string, got: string): MeshError {
  return new MeshError('LORA_INVALID', `${path}: ${key} has to be one finite number, it is ${got}.`, {
    file: path,
    key,
  });
}
