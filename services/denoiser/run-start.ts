/**
 * Where a run begins: at noise, or at a picture that noise is added to; and what holds the rest of a picture while a part of
 * it is painted anew.
 *
 * Draws of a job's generators, in order: the picture's latents (where they have a deviation), what lies under the mask (with
 * `latent_noise`), the noise, the masked picture's latents (with a mask); then those of the steps. It is the order of the
 * pipelines that it follows, so pictures equal theirs.
 * Source: https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/pipelines/stable_diffusion/pipeline_stable_diffusion_inpaint.py
 */
import type { DenoiseRequest } from '#shared/contracts/denoiser.ts';
import { mix } from '#shared/diffusion/mix.ts';
import type { Sampler } from '#shared/diffusion/sampler.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { repeatBatch } from '#shared/tensor/latents.ts';
import { f32, pick, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';

/** What a run is started from. */
export interface RunStartParts {
  readonly start: DenoiseRequest['start'];
  readonly tensors: TensorMap;
  readonly sampler: Sampler;
  /** Of the latents. */
  readonly shape: readonly [batch: number, channels: number, height: number, width: number];
  /** Draws from the job's generators, f32 [B, 4, h, w]. */
  readonly noise: () => Float32Array;
  /** The same, mixed as the job asks: the noise that the run begins with. */
  readonly firstNoise: () => Float32Array;
}

/** See the head of this file. */
export interface RunStart {
  /** Index of the first call of the model. */
  readonly call: number;
  /** f32 [B, 4, h, w], noisy. */
  readonly latents: Float32Array;
  /** The latents after a call, held to the picture outside of the mask. */
  readonly hold: (latents: Float32Array, call: number) => Float32Array;
  /** What inpainting UNets see beside the latents: `mask` f32 [B, 1, h, w], `masked_image_latents` f32 [B, 4, h, w]. */
  readonly conditioning?: { readonly mask: Tensor<'f32'>; readonly masked_image_latents: Tensor<'f32'> };
}

const holdNothing: RunStart['hold'] = (latents) => latents;

/** @throws MeshError WRONG_SHAPE when a tensor does not fit the job, INVALID_REQUEST when no step is left */
export function startRun(parts: RunStartParts): RunStart {
  const { start, sampler, tensors } = parts;
  if (!start) return { call: 0, latents: pureNoise(parts, parts.firstNoise()), hold: holdNothing };
  const call = start.first_step * sampler.callsPerStep;
  if (call >= sampler.timesteps.length) throw noStepLeft(start.first_step);
  if (!tensors.mask) return startAtPicture(parts, call);
  return tensors.masked_image_mean ? startSeeing(parts, call) : startHolding(parts, call);
}

function startAtPicture(parts: RunStartParts, call: number): RunStart {
  const picture = drawPicture(parts, 'init');
  return { call, latents: parts.sampler.addNoise(picture, parts.firstNoise(), call), hold: holdNothing };
}

/** An inpainting UNet sees what is to be kept, and keeps it by itself. */
function startSeeing(parts: RunStartParts, call: number): RunStart {
  const { sampler, tensors, shape } = parts;
  const [batch, , height, width] = shape;
  const picture = call === 0 ? undefined : drawPicture(parts, 'init');
  const noise = parts.firstNoise();
  const latents = picture ? sampler.addNoise(picture, noise, call) : pureNoise(parts, noise);
  const mask = pick(tensors, 'mask', 'f32', [1, 1, height, width]).data;
  const conditioning = {
    mask: f32([batch, 1, height, width], repeatBatch(mask, batch)),
    masked_image_latents: f32(shape, drawPicture(parts, 'masked_image')),
  };
  return { call, latents, hold: holdNothing, conditioning };
}

/** Any other one is led: after each call the rest is replaced by the picture at the next level of noise. */
function startHolding(parts: RunStartParts, call: number): RunStart {
  const { sampler, tensors, shape, start } = parts;
  const [batch, channels, height, width] = shape;
  const mask = repeatBatch(pick(tensors, 'mask', 'f32', [1, 1, height, width]).data, batch * channels);
  const picture = drawPicture(parts, 'init');
  const under = underMask(parts, start!.inpaint_fill);
  const noise = parts.firstNoise();
  const filled = under ? blend(mask, under, picture) : picture;
  // With a mask a whole run begins at noise alone, unlike that of a whole picture.
  const latents = call === 0 ? pureNoise(parts, noise) : sampler.addNoise(filled, noise, call);
  parts.noise(); // the masked picture's, which this UNet does not see
  const last = sampler.timesteps.length - 1;
  const hold: RunStart['hold'] = (values, done) =>
    blend(mask, values, done < last ? sampler.addNoise(picture, noise, done + 1) : picture);
  return { call, latents, hold };
}

/** Clean latents of a picture, drawn for each of the batch where they have a deviation. f32 [B, 4, h, w] */
function drawPicture({ tensors, shape, noise }: RunStartParts, name: 'init' | 'masked_image'): Float32Array {
  const mean = forBatch(tensors, `${name}_mean`, shape);
  if (!tensors[`${name}_deviation`]) return mean;
  const deviation = forBatch(tensors, `${name}_deviation`, shape);
  const drawn = noise();
  return mean.map((value, i) => value + deviation[i]! * drawn[i]!);
}

/** f32 [B, 4, h, w] of what may be one for all pictures */
function forBatch(tensors: TensorMap, name: string, [batch, ...one]: RunStartParts['shape']): Float32Array {
  const count = tensors[name]?.shape[0] === 1 ? 1 : batch;
  return repeatBatch(pick(tensors, name, 'f32', [count, ...one]).data, batch / count);
}

/** What the masked latents are replaced by before the run, if by anything. */
function underMask({ shape, noise }: RunStartParts, fill: string): Float32Array | undefined {
  if (fill === 'latent_noise') return noise();
  return fill === 'latent_nothing' ? f32(shape).data : undefined;
}

/** All f32 [B, 4, h, w]; the mask is 1 for `inside`, 0 for `outside`. */
function blend(mask: Float32Array, inside: Float32Array, outside: Float32Array): Float32Array {
  return mask.map((share, i) => (1 - share) * outside[i]! + share * inside[i]!);
}

function pureNoise({ sampler }: RunStartParts, noise: Float32Array): Float32Array {
  return mix([sampler.initNoiseSigma, noise]);
}

function noStepLeft(firstStep: number): MeshError {
  const message = `A run that begins at step ${firstStep} has none left.`;
  return new MeshError('INVALID_REQUEST', message, { path: 'start.first_step' });
}
