/** A LoRA that was never trained, in kohya's format: on the attention of UNet and text encoder, strong enough to be seen. */
import type { WeightIndex } from '#shared/checkpoint/component-weights.ts';
import type { LoraBase } from '#shared/checkpoint/lora-names.ts';
import type { TensorToWrite } from '#shared/checkpoint/write-safetensors.ts';
import { tensorsToWrite } from '#shared/checkpoint/write-safetensors.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { type Deviation, type RandomWeightsOptions, randomWeights } from './random-weights.ts';

const RANK = 4;
const ATTENTION = /\.(?:to_[qkv]|to_out\.0|[qkv]_proj|out_proj)\.weight$/;

/** up @ down, relative to the weight it is added to. */
const STRENGTH = 0.7;

/** The tensors of a LoRA file for a base model. */
export function randomLora(base: LoraBase, options: Omit<RandomWeightsOptions, 'deviation'>): TensorToWrite[] {
  const modules = [...modulesOf('lora_unet_', base.unet), ...modulesOf('lora_te_', base.text_encoder)];
  const factors = new Map(
    modules.flatMap(({ name, outputs, inputs }) => [
      [`${name}.lora_down.weight`, [RANK, inputs]],
      [`${name}.lora_up.weight`, [outputs, RANK]],
    ]),
  ) as WeightIndex;
  const alphas = modules.map(({ name }) => [`${name}.alpha`, f32([], Float32Array.of(RANK))]);
  const deviation: Deviation = (name, inputs) => (name.endsWith('.lora_up.weight') ? STRENGTH : 1) / Math.sqrt(inputs);
  return [...randomWeights(factors, { ...options, deviation }), ...tensorsToWrite(Object.fromEntries(alphas))];
}

function modulesOf(prefix: string, index: WeightIndex): { name: string; outputs: number; inputs: number }[] {
  const weights = [...index].filter(([weight]) => ATTENTION.test(weight));
  return weights.map(([weight, shape]) => ({
    name: prefix + weight.slice(0, -'.weight'.length).replaceAll('.', '_'),
    outputs: shape[0]!,
    inputs: shape[1]!,
  }));
}
