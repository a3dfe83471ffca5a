/** The changes of several LoRAs, joined per weight: what a network is patched with. */
import { MeshError } from '#shared/errors/errors.ts';
import { areFinite } from '#shared/tensor/finite.ts';
import { f32, sizeBytes, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import {
  changeTensors,
  type LowRankChange,
  patchTensors,
  type WeightChange,
  type WeightPatch,
} from '#shared/tensor/weight-change.ts';
import type { RoleTensors } from './adapters/adapter-kind.ts';
import { magnitudeOf } from './adapters/dora.ts';
import { toF32 } from './float-values.ts';
import type { LoraModule, LoraPlan } from './lora-file.ts';
import type { LoraPart } from './lora-names.ts';
import { readTensors } from './safetensors.ts';

/** One LoRA's share of a weight; `change` is before alpha / rank and the LoRA's weight. */
interface Share {
  readonly module: LoraModule;
  readonly change: WeightChange;
}

/** What a LoRA changes in one network, unscaled. */
export type LoraFactors = readonly Share[];

/** Factors, and how strongly they are to be applied. Negative scales are allowed. */
export interface ScaledFactors {
  readonly factors: LoraFactors;
  readonly scale: number;
}

/**
 * Reads what one LoRA changes in one network.
 * @throws MeshError FILE_UNREADABLE, SAFETENSORS_INVALID; LORA_INVALID for numbers that are not finite
 */
export async function readFactors(plan: LoraPlan, part: LoraPart): Promise<LoraFactors> {
  const modules = plan.modules.filter((module) => module.part === part);
  const stored = await readTensors(
    plan.file,
    modules.flatMap((module) => needed(module).map(([, key]) => key)),
  );
  return modules.map((module) => {
    const tensors = Object.fromEntries(
      needed(module).map(([role, key]) => [role, finite(plan.file.path, key, stored.get(key)!)]),
    ) as RoleTensors;
    const change = module.kind.change(tensors, module.shape);
    const magnitude = magnitudeOf(tensors);
    return { module, change: magnitude ? ({ ...change, magnitude } as WeightChange) : change };
  });
}

/** The alpha is in the multiplier already, except where it limits the change itself. */
function needed({ kind, keys }: LoraModule): [string, string][] {
  return Object.entries(keys).filter(([role]) => role !== 'alpha' || kind.usesAlpha);
}

/** Bytes of factors in memory. */
export function factorBytes(factors: LoraFactors): number {
  const bytes = factors.flatMap(({ change }) => Object.values(changeTensors(change)).map(sizeBytes));
  return bytes.reduce((sum, one) => sum + one, 0);
}

/**
 * Joins the changes of several LoRAs for one network.
 *
 * returns  `<weight>.up`    f32 [O, ΣR], with scale · alpha / rank multiplied in
 *          `<weight>.down`  f32 [ΣR, I·K·K]
 *          for every weight that a plain LoRA patches, ranks in the order of `loras`; other kinds in the names of
 *          `shared/tensor/weight-change.ts`
 */
export function joinFactors(loras: readonly ScaledFactors[]): TensorMap {
  const byWeight = new Map<string, WeightChange[]>();
  for (const { factors, scale } of loras) {
    for (const { module, change } of factors) {
      const changes = byWeight.get(module.weight) ?? [];
      byWeight.set(module.weight, changes);
      changes.push(scaled(change, { multiplier: module.multiplier, scale }));
    }
  }
  const patches = [...byWeight].map(([weight, changes]) => patchTensors(weight, joined(changes)));
  return Object.assign({}, ...patches) as TensorMap;
}

interface Scale {
  readonly multiplier: number;
  readonly scale: number;
}

/** The one tensor of each kind in which the change is linear. */
const LINEAR_IN = {
  low_rank: 'up',
  hadamard: 'up_1',
  kronecker: 'left',
  full: 'delta',
  rotation: 'blocks',
  scaling: 'rows',
} as const satisfies Record<WeightChange['kind'], string>;

/** DoRA has the LoRA's weight outside of its norm, as A1111 does. */
function scaled(change: WeightChange, { multiplier, scale }: Scale): WeightChange {
  const isOutside = 'magnitude' in change && change.magnitude !== undefined;
  const tensors = changeTensors(change);
  const key = tensors[LINEAR_IN[change.kind]] ? LINEAR_IN[change.kind] : 'columns';
  const linear = timesAll(tensors[key]!, multiplier * (isOutside ? 1 : scale));
  const strength = isOutside ? { strength: f32([1], Float32Array.of(scale)) } : {};
  return { ...change, [key]: linear, ...strength } as WeightChange;
}

function timesAll(tensor: Tensor<'f32'>, factor: number): Tensor<'f32'> {
  const times = f32(tensor.shape);
  for (let i = 0; i < times.data.length; i++) times.data[i] = tensor.data[i]! * factor;
  return times;
}

/** Plain low-rank changes become one pair of factors. */
function joined(all: readonly WeightChange[]): WeightPatch {
  const plain = all.filter((one): one is LowRankChange => one.kind === 'low_rank' && !one.magnitude);
  const changes = all.filter((one) => !plain.includes(one as LowRankChange));
  return plain.length === 0 ? { changes } : { factors: { up: joinUp(plain), down: joinDown(plain) }, changes };
}

function joinUp(pairs: readonly LowRankChange[]): Tensor<'f32'> {
  const outputs = pairs[0]!.up.shape[0]!;
  const totalRank = sumOfRanks(pairs);
  const all = f32([outputs, totalRank]);
  let column = 0;
  for (const { up } of pairs) {
    const rank = up.shape[1]!;
    for (let row = 0; row < outputs; row++) {
      all.data.set(up.data.subarray(row * rank, (row + 1) * rank), row * totalRank + column);
    }
    column += rank;
  }
  return all;
}

function joinDown(pairs: readonly LowRankChange[]): Tensor<'f32'> {
  const all = f32([sumOfRanks(pairs), pairs[0]!.down.shape[1]!]);
  let offset = 0;
  for (const { down } of pairs) {
    all.data.set(down.data, offset);
    offset += down.data.length;
  }
  return all;
}

function sumOfRanks(pairs: readonly LowRankChange[]): number {
  return pairs.reduce((sum, { up }) => sum + up.shape[1]!, 0);
}

/** Values as f32; alphas and flags may be of other types. */
function finite(path: string, key: string, tensor: Tensor): Tensor<'f32'> {
  const data = toF32(tensor) ?? Float32Array.from(tensor.data as ArrayLike<number>, Number);
  if (areFinite(data)) return f32(tensor.shape, data);
  const text = `${path}: ${key} holds NaN or infinity: the file is damaged, or its training failed.`;
  throw new MeshError('LORA_INVALID', text, { file: path, key });
}
