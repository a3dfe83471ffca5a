/** A LoRA that was never trained, in kohya's format, strong enough to be seen. */
import type { WeightIndex } from '#shared/checkpoint/component-weights.ts';
import type { LoraBase } from '#shared/checkpoint/lora-names.ts';
import type { TensorToWrite } from '#shared/checkpoint/write-safetensors.ts';
import { tensorsToWrite } from '#shared/checkpoint/write-safetensors.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { type Deviation, type RandomWeightsOptions, randomWeights } from './random-weights.ts';

/** Where a LoRA is: on the attention, or on every linear layer, of the transformers in UNet and text encoder. */
const MODULES = {
  attention: /\.(?:to_[qkv]|to_out\.0|[qkv]_proj|out_proj)\.weight$/,
  linears: /\.(?:to_[qkv]|to_out\.0|ff\.net\.(?:0\.proj|2)|[qkv]_proj|out_proj|fc[12])\.weight$/,
} as const;

/** up @ down, relative to the weight it is added to. */
const STRENGTH = 0.7;

/** What to write; by default a small one on the attention. */
export interface RandomLoraOptions extends Omit<RandomWeightsOptions, 'deviation'> {
  readonly rank?: number;
  readonly modules?: keyof typeof MODULES;
}

/** The tensors of a LoRA file for a base model. */
export function randomLora(base: LoraBase, options: RandomLoraOptions): TensorToWrite[] {
  const { rank = 4, modules: where = 'attention' } = options;
  const modules = [
    ...modulesOf('lora_unet_', base.unet, MODULES[where]),
    ...modulesOf('lora_te_', base.text_encoder ?? new Map(), MODULES[where]),
  ];
  const factors = new Map(
    modules.flatMap(({ name, outputs, inputs }) => [
      [`${name}.lora_down.weight`, [rank, inputs]],
      [`${name}.lora_up.weight`, [outputs, rank]],
    ]),
  ) as WeightIndex;
  const alphas = modules.map(({ name }) => [`${name}.alpha`, f32([], Float32Array.of(rank))]);
  const deviation: Deviation = (name, inputs) => (name.endsWith('.lora_up.weight') ? STRENGTH : 1) / Math.sqrt(inputs);
  return [...randomWeights(factors, { ...options, deviation }), ...tensorsToWrite(Object.fromEntries(alphas))];
}

function modulesOf(
  prefix: string,
  index: WeightIndex,
  pattern: RegExp,
): { name: string; outputs: number; inputs: number }[] {
  const weights = [...index].filter(([weight]) => pattern.test(weight));
  return weights.map(([weight, shape]) => ({
    name: prefix + weight.slice(0, -'.weight'.length).replaceAll('.', '_'),
    outputs: shape[0]!,
    inputs: shape[1]!,
  }));
}
