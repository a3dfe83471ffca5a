/** Opens a network of a recorded checkpoint, with the inputs, results and tolerances that go with it. */
import { readFileSync } from 'node:fs';
import { openComponent } from '#shared/checkpoint/component.ts';
import type { ComponentWeights } from '#shared/checkpoint/component-weights.ts';
import type { JsonRecord } from '#shared/checkpoint/json-file.ts';
import { addedEmbeds } from '#shared/diffusion/added-embeds.ts';
import type { EncoderConfig } from '#shared/tensor/network-config.ts';
import { elementCount, f32, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { goldenPath, loadSafetensors } from '../reference.ts';

export interface RecordedNetwork<Config> {
  readonly config: Config;
  readonly weights: ComponentWeights;
  /** What every network of the checkpoint was fed. */
  readonly inputs: TensorMap;
  /** Intermediate values and results. */
  readonly recorded: TensorMap;
  /** Largest relative error by kind of value. */
  readonly tolerance: (kind: string) => number;
}

/** fixture   name of the recorded file, which is also how its tolerances begin */
export async function openRecorded<Config>(
  model: string,
  [folder, fixture]: readonly [string, string],
  parse: (path: string, config: JsonRecord) => Config,
): Promise<RecordedNetwork<Config>> {
  const { config, weights } = await openComponent(goldenPath(model, folder));
  const tolerances = JSON.parse(readFileSync(goldenPath(model, 'fixtures/tolerances.json'), 'utf8'));
  return {
    config: parse(folder, config),
    weights,
    inputs: await loadSafetensors(goldenPath(model, 'fixtures/inputs.safetensors')),
    recorded: await loadSafetensors(goldenPath(model, 'fixtures', `${fixture}.safetensors`)),
    tolerance: (kind) => tolerances[`${fixture}.${kind}`].tolerance,
  };
}

/** The first `count` entries of an f32 tensor's first axis. */
export function first(count: number, { shape, data }: Tensor): Tensor<'f32'> {
  return f32([count, ...shape.slice(1)], (data as Float32Array).slice(0, count * elementCount(shape.slice(1))));
}

/** Of SDXL pooled text and sizes as its networks take them; nothing of the others. */
export function addedInput(
  { added, flipSinToCos, freqShift }: EncoderConfig,
  inputs: TensorMap,
  batch: number,
): { add_embeds?: Tensor<'f32'> } {
  if (!added) return {};
  const sizes = inputs.time_ids!;
  const timeIds = [...(sizes.data as Float32Array).subarray(0, sizes.shape[1]!)];
  const pooled = first(batch, inputs.text_embeds!);
  return { add_embeds: addedEmbeds(pooled, timeIds, { added, flipSinToCos, freqShift }) };
}

export function timestepOf(timestep: number): Tensor<'f32'> {
  return f32([1], Float32Array.of(timestep));
}
