/**
 * What a job's runs are given beside latents and timestep, by the names of the UNet's inputs, for each half of guidance:
 * `prompt_embeds` f32 [B, T, D], and as far as the UNet takes them `add_embeds` f32 [B, A], `timestep_cond` f32 [1, G], `mask`
 * f32 [B, 1, h, w], `masked_image_latents` f32 [B, 4, h, w].
 */
import type { DenoiseRequest } from '#shared/contracts/denoiser.ts';
import { addedEmbeds, guidanceEmbedding } from '#shared/diffusion/added-embeds.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { isInpainting, type UnetConfig } from '#shared/tensor/network-config.ts';
import { f32, pick, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';

/** See the head of this file; `negative` is there with guidance alone. */
export interface Halves {
  readonly prompt: TensorMap;
  readonly negative: TensorMap | undefined;
}

/** What of it every ControlNet takes. */
const CONTROL_INPUTS: readonly string[] = ['prompt_embeds', 'add_embeds'];

/** What a job's halves are made from. */
export interface HalvesParts {
  readonly body: Pick<DenoiseRequest, 'guidance_scale' | 'time_ids' | 'negative_time_ids'>;
  readonly tensors: TensorMap;
  readonly unet: UnetConfig;
  /** `mask`, `masked_image_latents`, where the run starts at a picture and the UNet sees it. */
  readonly inpaint: TensorMap | undefined;
}

/**
 * The halves with one of the embeddings, where prompts change in mid-run; of the first the names have no number.
 * @throws MeshError WRONG_SHAPE when a tensor is missing
 */
export function halvesOf(
  { body, tensors, unet, inpaint }: HalvesParts,
  { index, isGuided }: { readonly index: number; readonly isGuided: boolean },
): Halves {
  const { guidance_scale: scale, time_ids = [], negative_time_ids = time_ids } = body;
  const common = { ...inpaintInputs(inpaint, unet), ...guidanceInput(scale, unet) };
  const half = (prefix: '' | 'negative_', timeIds: readonly number[]): TensorMap => {
    const named = (name: string): Tensor<'f32'> =>
      pick(tensors, `${prefix}${name}${index === 0 ? '' : `_${index}`}`, 'f32');
    return { prompt_embeds: named('prompt_embeds'), ...addInput(named, timeIds, unet), ...common };
  };
  return { prompt: half('', time_ids), negative: isGuided ? half('negative_', negative_time_ids) : undefined };
}

function addInput(
  named: (name: string) => Tensor<'f32'>,
  timeIds: readonly number[],
  { added, flipSinToCos, freqShift }: UnetConfig,
): TensorMap {
  if (!added) return {};
  return { add_embeds: addedEmbeds(named('pooled_prompt_embeds'), timeIds, { added, flipSinToCos, freqShift }) };
}

function guidanceInput(scale: number, { guidanceWidth }: UnetConfig): TensorMap {
  return guidanceWidth === undefined ? {} : { timestep_cond: guidanceEmbedding(scale, guidanceWidth) };
}

function inpaintInputs(inpaint: TensorMap | undefined, unet: UnetConfig): TensorMap {
  if (!isInpainting(unet)) return {};
  if (inpaint) return inpaint;
  throw new MeshError(
    'WRONG_SHAPE',
    'This UNet paints a masked part of a picture: mask and masked_image_mean are needed.',
  );
}

/** What the ControlNets see of it. */
export function controlInputs(given: TensorMap): TensorMap {
  return Object.fromEntries(Object.entries(given).filter(([name]) => CONTROL_INPUTS.includes(name)));
}

/**
 * [unconditional | conditional].
 *
 * negative, prompt  f32 [B, …] each, of equal names
 * returns           f32 [2B, …] each
 * @throws MeshError WRONG_SHAPE when the halves are not of one shape
 */
export function joinHalves(negative: TensorMap, prompt: TensorMap): TensorMap {
  return Object.fromEntries(Object.keys(prompt).map((name) => [name, joined(name, negative, prompt)]));
}

function joined(name: string, negative: TensorMap, prompt: TensorMap): Tensor<'f32'> {
  const second = pick(prompt, name, 'f32');
  const first = pick(negative, name, 'f32', second.shape);
  const data = new Float32Array(second.data.length * 2);
  data.set(first.data);
  data.set(second.data, first.data.length);
  return f32([second.shape[0]! * 2, ...second.shape.slice(1)], data);
}

/** The names of what a half is given, out of a message that carries hints as well. @throws MeshError WRONG_SHAPE without embeddings */
export function givenOf(tensors: TensorMap): TensorMap {
  pick(tensors, 'prompt_embeds', 'f32');
  return Object.fromEntries(Object.entries(tensors).filter(([name]) => !name.startsWith('hint_')));
}

/** Batch and tokens of what a run is given. @throws MeshError WRONG_SHAPE without embeddings */
export function promptShape(given: TensorMap): { readonly batch: number; readonly tokens: number } {
  const { shape } = pick(given, 'prompt_embeds', 'f32');
  if (shape.length !== 3)
    throw new MeshError('WRONG_SHAPE', `prompt_embeds has ${shape.length} axes, not 3.`, { shape });
  return { batch: shape[0]!, tokens: shape[1]! };
}
