/** The kinds of adapters, and which one a module's tensors are. */
import { MeshError } from '#shared/errors/errors.ts';
import type { AdapterKind, AdapterRole, ByRole } from './adapters/adapter-kind.ts';
import { FULL } from './adapters/full.ts';
import { HADAMARD } from './adapters/hadamard.ts';
import { KRONECKER } from './adapters/kronecker.ts';
import { LOW_RANK } from './adapters/low-rank.ts';
import { ROTATION } from './adapters/rotation.ts';
import { SCALING } from './adapters/scaling.ts';

/** In the order tried. */
const KINDS: readonly AdapterKind[] = [LOW_RANK, KRONECKER, HADAMARD, ROTATION, FULL, SCALING];

/** Where a module is told of in an error. */
export interface ModulePlace {
  readonly path: string;
  readonly weight: string;
}

/**
 * The kind of a module.
 * @throws MeshError LORA_INVALID when tensors are missing, or of several kinds
 */
export function kindOf(place: ModulePlace, keys: ByRole<string>): AdapterKind {
  const roles = Object.keys(keys) as AdapterRole[];
  const kind = KINDS.find(({ marks }) => marks.some((mark) => roles.includes(mark)));
  if (!kind) throw lone(place, roles);
  const complete = kind.complete.find((set) => set.every((role) => roles.includes(role)));
  if (!complete) throw incomplete(place, kind, roles);
  const foreign = roles.find((role) => !complete.includes(role) && !kind.optional.includes(role));
  if (foreign) throw mixed(place, kind, keys[foreign]!);
  return kind;
}

function lone({ path, weight }: ModulePlace, roles: readonly AdapterRole[]): MeshError {
  const text = `${path}: ${weight} has nothing but ${roles.join(', ')}: its factors are missing.`;
  return new MeshError('LORA_INVALID', text, { file: path, weight, roles });
}

function incomplete({ path, weight }: ModulePlace, kind: AdapterKind, roles: readonly AdapterRole[]): MeshError {
  const nearest = kind.complete.toSorted((a, b) => missingOf(a, roles).length - missingOf(b, roles).length)[0]!;
  const missing = missingOf(nearest, roles);
  const text = `${path}: the ${missing.join(' and ')} factor of ${weight} is missing.`;
  return new MeshError('LORA_INVALID', text, { file: path, weight, kind: kind.name, missing });
}

function missingOf(set: readonly AdapterRole[], roles: readonly AdapterRole[]): AdapterRole[] {
  return set.filter((role) => !roles.includes(role));
}

function mixed({ path, weight }: ModulePlace, kind: AdapterKind, key: string): MeshError {
  const text = `${path}: ${weight} is changed by ${kind.name}, in which ${key} has no place.`;
  return new MeshError('LORA_INVALID', text, { file: path, weight, key });
}
