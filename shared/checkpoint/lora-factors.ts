/** The low-rank factors of several LoRAs, joined per weight: what a network is patched with. */
import { MeshError } from '#shared/errors/errors.ts';
import { f32, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { toF32 } from './float-values.ts';
import type { LoraModule, LoraPlan } from './lora-file.ts';
import type { LoraPart } from './lora-names.ts';
import { readTensors } from './safetensors.ts';

/** One LoRA's share of a weight. */
interface Factor {
  readonly module: LoraModule;
  /** [O, R], f32; scale · alpha / rank still to be multiplied in. */
  readonly up: Float32Array;
  /** [R, I·K·K], f32. */
  readonly down: Float32Array;
}

/** What a LoRA changes in one network, unscaled. */
export type LoraFactors = readonly Factor[];

/** Factors, and how strongly they are to be applied. Negative scales are allowed. */
export interface ScaledFactors {
  readonly factors: LoraFactors;
  readonly scale: number;
}

/**
 * Reads the factors of one LoRA for one network.
 * @throws MeshError FILE_UNREADABLE, SAFETENSORS_INVALID
 */
export async function readFactors(plan: LoraPlan, part: LoraPart): Promise<LoraFactors> {
  const modules = plan.modules.filter((module) => module.part === part);
  const tensors = await readTensors(
    plan.file,
    modules.flatMap(({ up, down }) => [up, down]),
  );
  const values = (key: string): Float32Array => {
    const data = toF32(tensors.get(key)!);
    if (!data) throw new MeshError('INTERNAL', `The plan of ${plan.file.path} took ${key} for floats.`, { key });
    return data;
  };
  return modules.map((module) => ({ module, up: values(module.up), down: values(module.down) }));
}

/** Bytes of factors in memory. */
export function factorBytes(factors: LoraFactors): number {
  return factors.reduce((sum, { up, down }) => sum + up.byteLength + down.byteLength, 0);
}

/**
 * Joins the factors of several LoRAs for one network: W' = W + up @ down.
 *
 * returns  `<weight>.up`    f32 [O, ΣR], with scale · alpha / rank multiplied in
 *          `<weight>.down`  f32 [ΣR, I·K·K]
 *          for every weight that a LoRA patches, ranks in the order of `loras`
 */
export function joinFactors(loras: readonly ScaledFactors[]): TensorMap {
  const byWeight = new Map<string, ScaledFactor[]>();
  for (const { factors, scale } of loras) {
    for (const factor of factors) {
      const { weight, alpha, rank } = factor.module;
      const scaled = { ...factor, multiplier: (scale * alpha) / rank };
      byWeight.set(weight, [...(byWeight.get(weight) ?? []), scaled]);
    }
  }
  const joined: Record<string, Tensor> = {};
  for (const [weight, factors] of byWeight) {
    joined[`${weight}.up`] = joinUp(factors);
    joined[`${weight}.down`] = joinDown(factors);
  }
  return joined;
}

type ScaledFactor = Factor & { readonly multiplier: number };

function joinUp(factors: readonly ScaledFactor[]): Tensor {
  const outputs = factors[0]!.module.shape[0]!;
  const totalRank = sumOfRanks(factors);
  const joined = f32([outputs, totalRank]);
  let column = 0;
  for (const { up, module, multiplier } of factors) {
    for (let row = 0; row < outputs; row++) {
      for (let r = 0; r < module.rank; r++) {
        joined.data[row * totalRank + column + r] = up[row * module.rank + r]! * multiplier;
      }
    }
    column += module.rank;
  }
  return joined;
}

function joinDown(factors: readonly Factor[]): Tensor {
  const totalRank = sumOfRanks(factors);
  const inputs = factors[0]!.down.length / factors[0]!.module.rank;
  const joined = f32([totalRank, inputs]);
  let offset = 0;
  for (const { down } of factors) {
    joined.data.set(down, offset);
    offset += down.length;
  }
  return joined;
}

function sumOfRanks(factors: readonly Factor[]): number {
  return factors.reduce((sum, { module }) => sum + module.rank, 0);
}
