/**
 * The ways in which an adapter changes a weight, and what their tensors are called in a message. Who reads adapter files
 * makes them, who owns the weights applies them; neither knows the other.
 *
 * A weight [O, I, K, K] is the matrix [O, N] with N = I·K·K. Everything here is added to it, computed from the weight as the
 * checkpoint has it, so that the order of several adapters does not matter.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { asDType, type Tensor, type TensorMap } from './tensor.ts';

type F32 = Tensor<'f32'>;

/** up @ down: LoRA, LoCon. */
export interface LowRankChange extends Renormalised {
  readonly kind: 'low_rank';
  /** [O, R] */
  readonly up: F32;
  /** [R, N] */
  readonly down: F32;
}

/** (up_1 @ down_1) ⊙ (up_2 @ down_2): LoHa. */
export interface HadamardChange extends Renormalised {
  readonly kind: 'hadamard';
  /** [O, R] */
  readonly up_1: F32;
  /** [R, N] */
  readonly down_1: F32;
  /** [O, S] */
  readonly up_2: F32;
  /** [S, N] */
  readonly down_2: F32;
}

/** left ⊗ right: LoKr. `right` is `right_up`, or `right_up @ right_down` where that is there. */
export interface KroneckerChange extends Renormalised {
  readonly kind: 'kronecker';
  /** [L, M] */
  readonly left: F32;
  /** [O/L, N/M] or [O/L, R] */
  readonly right_up: F32;
  /** [R, N/M] */
  readonly right_down?: F32;
}

/** The difference itself. */
export interface FullChange {
  readonly kind: 'full';
  /** [O, N] */
  readonly delta: F32;
}

/** Each block of rows of the weight, multiplied from the left: OFT. */
export interface RotationChange {
  readonly kind: 'rotation';
  /** [O/b, b, b]: what rotation leaves less the identity */
  readonly blocks: F32;
}

/** Each row or each input channel of the weight, times a number: (IA)³. */
export interface ScalingChange {
  readonly kind: 'scaling';
  /** [O] */
  readonly rows?: F32;
  /** [I] */
  readonly columns?: F32;
}

/** With these the change D becomes strength · (magnitude · (W + D) / ‖W + D‖ − W): DoRA. */
interface Renormalised {
  /** [O, 1], with norms over rows, or [1, I], with norms over all of an input channel */
  readonly magnitude?: F32;
  /** [1] */
  readonly strength?: F32;
}

/** One adapter's change of one weight. */
export type WeightChange =
  | LowRankChange
  | HadamardChange
  | KroneckerChange
  | FullChange
  | RotationChange
  | ScalingChange;

/** All that is to be done to one weight. */
export interface WeightPatch {
  /** Low-rank changes of all adapters side by side: [O, ΣR] and [ΣR, N]. */
  readonly factors?: { readonly up: F32; readonly down: F32 };
  readonly changes: readonly WeightChange[];
}

type Tensors = Readonly<Record<string, F32>>;

/** Of each kind: the tensors that it has to have, and those it may have. */
const TENSORS: Readonly<
  Record<WeightChange['kind'], { readonly needed: readonly string[]; readonly optional: readonly string[] }>
> = {
  low_rank: { needed: ['up', 'down'], optional: ['magnitude', 'strength'] },
  hadamard: { needed: ['up_1', 'down_1', 'up_2', 'down_2'], optional: ['magnitude', 'strength'] },
  kronecker: { needed: ['left', 'right_up'], optional: ['right_down', 'magnitude', 'strength'] },
  full: { needed: ['delta'], optional: [] },
  rotation: { needed: ['blocks'], optional: [] },
  scaling: { needed: [], optional: ['rows', 'columns'] },
};

const FACTOR = /^(.+)\.(up|down)$/;
const CHANGE = /^(.+)#(\d+)\.([a-z_]+)\.([a-z_0-9]+)$/;

/** The tensors of a weight's patch: `<weight>.up`, `<weight>.down`, and `<weight>#<n>.<kind>.<tensor>` of the n-th change. */
export function patchTensors(weight: string, { factors, changes }: WeightPatch): TensorMap {
  const named: Record<string, Tensor> = {};
  if (factors) Object.assign(named, { [`${weight}.up`]: factors.up, [`${weight}.down`]: factors.down });
  for (const [index, { kind, ...tensors }] of changes.entries()) {
    for (const [name, value] of Object.entries(tensors as Tensors)) named[`${weight}#${index}.${kind}.${name}`] = value;
  }
  return named;
}

/** The tensors of a change by their names. */
export function changeTensors({ kind: _, ...tensors }: WeightChange): Tensors {
  return tensors as Tensors;
}

/** The weights that a message's tensors change. */
export function patchedWeights(tensors: TensorMap): Set<string> {
  return new Set(Object.keys(tensors).map((key) => (CHANGE.exec(key) ?? FACTOR.exec(key))?.[1] ?? key));
}

/**
 * Takes a message's tensors apart, by weight.
 * @throws MeshError LORA_MISMATCH for a name, a dtype or a set of tensors that means no change
 */
export function readPatches(tensors: TensorMap): Map<string, WeightPatch> {
  const found = new Map<string, { up?: F32; down?: F32; changes: Map<string, Tensors> }>();
  const entry = (weight: string) => {
    const known = found.get(weight) ?? { changes: new Map<string, Tensors>() };
    found.set(weight, known);
    return known;
  };
  for (const [key, value] of Object.entries(tensors)) {
    const tensor = requireF32(key, value);
    const change = CHANGE.exec(key);
    const factor = FACTOR.exec(key);
    if (change) {
      const [, weight, index, kind, name] = change as unknown as [string, string, string, string, string];
      const { changes } = entry(weight);
      changes.set(`${index}.${kind}`, { ...changes.get(`${index}.${kind}`), [name]: tensor });
    } else if (factor) entry(factor[1]!)[factor[2] as 'up' | 'down'] = tensor;
    else throw mismatch(key, 'a factor ends in .up or .down.');
  }
  return new Map([...found].map(([weight, { up, down, changes }]) => [weight, patchOf(weight, { up, down }, changes)]));
}

function patchOf(
  weight: string,
  { up, down }: { readonly up: F32 | undefined; readonly down: F32 | undefined },
  changes: ReadonlyMap<string, Tensors>,
): WeightPatch {
  if (Boolean(up) !== Boolean(down)) throw mismatch(weight, `factor ${up ? 'down' : 'up'} is missing.`);
  const read = [...changes].map(([id, tensors]) => changeOf(weight, id.slice(id.indexOf('.') + 1), tensors));
  return { ...(up && down && { factors: { up, down } }), changes: read };
}

function changeOf(weight: string, kind: string, tensors: Tensors): WeightChange {
  const spec = Object.hasOwn(TENSORS, kind) ? TENSORS[kind as WeightChange['kind']] : undefined;
  if (!spec) throw mismatch(weight, `a change of the kind ${kind} is not known.`);
  const missing = spec.needed.find((name) => !tensors[name]);
  if (missing) throw mismatch(weight, `${missing} of its ${kind} change is missing.`);
  const unknown = Object.keys(tensors).find((name) => !spec.needed.includes(name) && !spec.optional.includes(name));
  if (unknown) throw mismatch(weight, `a ${kind} change has no ${unknown}.`);
  return { kind, ...tensors } as unknown as WeightChange;
}

function requireF32(key: string, value: Tensor): F32 {
  if (value.dtype !== 'f32') throw mismatch(key, `factors are ${value.dtype}, f32 is needed.`);
  return asDType(value, 'f32', key);
}

function mismatch(weight: string, what: string): MeshError {
  return new MeshError('LORA_MISMATCH', `The LoRA does not fit ${weight}: ${what}`, { weight });
}
