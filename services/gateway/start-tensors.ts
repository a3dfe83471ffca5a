/** From the pictures that a job starts from to the tensors that its denoiser takes. */
import * as vae from '#shared/contracts/vae.ts';
import { latentMask } from '#shared/image/mask.ts';
import { type Picture, pictureSize } from '#shared/image/picture.ts';
import type { Size } from '#shared/image/resize.ts';
import type { MeshCallOptions, MeshClient } from '#shared/placement/mesh-client.ts';
import { VAE_FACTOR } from '#shared/tensor/latents.ts';
import { f32, pick, type Tensor, type TensorMap, tensor } from '#shared/tensor/tensor.ts';

/** Of the size of the job. */
export interface StartPictures {
  /** u8 [H, W, 3] */
  readonly image: Picture;
  /** u8 [H, W, 1] */
  readonly mask?: Picture | undefined;
}

/**
 * @param seesMask whether the UNet is an inpainting one, which sees the rest of the picture
 * @returns `init_mean`, `init_deviation`; with a mask `mask`, and where it is seen `masked_image_mean`, `masked_image_deviation`
 */
export async function startTensors(
  mesh: MeshClient,
  { image, mask }: StartPictures,
  seesMask: boolean,
  options: MeshCallOptions,
): Promise<TensorMap> {
  const pixels = pixelsOf(image);
  const [init, masked] = await Promise.all([
    encodePictures(mesh, { pixels }, options),
    mask && seesMask ? encodePictures(mesh, { pixels, mask: planeOf(mask) }, options) : undefined,
  ]);
  return {
    init_mean: init.mean,
    init_deviation: init.deviation,
    ...(mask && { mask: latentMask(mask, VAE_FACTOR) }),
    ...(masked && { masked_image_mean: masked.mean, masked_image_deviation: masked.deviation }),
  };
}

/**
 * What an inpainting UNet sees where nothing is to be kept: a mask that is all white, and a picture under it that is all grey.
 * @returns `mask`, `masked_image_mean`, `masked_image_deviation`
 */
export async function nothingKept(mesh: MeshClient, size: Size, options: MeshCallOptions): Promise<TensorMap> {
  const { height, width } = size;
  const white = tensor('u8', [height, width, 1], new Uint8Array(height * width).fill(255));
  const pixels = tensor('u8', [1, height, width, 3], new Uint8Array(height * width * 3));
  const { mean, deviation } = await encodePictures(mesh, { pixels, mask: planeOf(white) }, options);
  return { mask: latentMask(white, VAE_FACTOR), masked_image_mean: mean, masked_image_deviation: deviation };
}

/** The distribution of pictures' latents, scaled as denoisers see them; f32 [B, 4, h, w] each. */
export async function encodePictures(
  mesh: MeshClient,
  tensors: TensorMap,
  options: MeshCallOptions,
): Promise<{ mean: Tensor<'f32'>; deviation: Tensor<'f32'> }> {
  const { body, tensors: posterior } = await mesh.call(vae.encode, {}, tensors, options);
  const { scaling_factor: scale } = body;
  const mean = pick(posterior, 'mean', 'f32');
  const logvar = pick(posterior, 'logvar', 'f32', mean.shape);
  return {
    mean: f32(
      mean.shape,
      mean.data.map((value) => value * scale),
    ),
    deviation: f32(
      mean.shape,
      logvar.data.map((value) => Math.exp(value / 2) * scale),
    ),
  };
}

function pixelsOf(image: Picture): Tensor<'u8'> {
  return tensor('u8', [1, ...image.shape], image.data);
}

function planeOf(mask: Picture): Tensor<'u8'> {
  const { height, width } = pictureSize(mask);
  return tensor('u8', [height, width], mask.data);
}
