/** The first picture of a job made larger: what the second run starts from. */
import * as vae from '#shared/contracts/vae.ts';
import { type EnlargeMode, enlargeLatents } from '#shared/diffusion/enlarge.ts';
import { type ResizeKernel, resizeTo } from '#shared/image/resize.ts';
import type { MeshCallOptions, MeshClient } from '#shared/placement/mesh-client.ts';
import { VAE_FACTOR } from '#shared/tensor/latents.ts';
import { pick, type Tensor, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import type { AdmittedHires } from './admitted-start.ts';
import { encodePictures } from './start-tensors.ts';

const LATENT: { readonly [Upscaler in AdmittedHires['upscaler']]?: EnlargeMode } = {
  latent: 'bilinear',
  'latent-nearest': 'nearest',
  'latent-bicubic': 'bicubic',
};

/**
 * latents  f32 [B, 4, h, w]
 * returns  `init_mean`; and `init_deviation` where pixels were encoded again
 */
export async function enlarged(
  mesh: MeshClient,
  latents: Tensor<'f32'>,
  { width, height, upscaler }: AdmittedHires,
  options: MeshCallOptions,
): Promise<TensorMap> {
  const mode = LATENT[upscaler];
  if (mode) return { init_mean: enlargeLatents(latents, height / VAE_FACTOR, width / VAE_FACTOR, mode) };
  const kernel = upscaler === 'nearest' ? 'nearest' : 'lanczos3';
  const { tensors } = await mesh.call(vae.decode, {}, { latents }, options);
  const pixels = await resizeAll(pick(tensors, 'pixels', 'u8'), height, width, kernel);
  const { mean, deviation } = await encodePictures(mesh, { pixels }, options);
  return { init_mean: mean, init_deviation: deviation };
}

/** u8 [B, H₀, W₀, 3] → [B, H, W, 3] */
async function resizeAll(
  pixels: Tensor<'u8'>,
  height: number,
  width: number,
  kernel: ResizeKernel,
): Promise<Tensor<'u8'>> {
  const [batch, ...shape] = pixels.shape as [number, number, number, number];
  const size = pixels.data.length / batch;
  const out = new Uint8Array(batch * height * width * 3);
  for (let i = 0; i < batch; i++) {
    const picture = tensor('u8', shape, pixels.data.subarray(i * size, (i + 1) * size));
    out.set((await resizeTo(picture, height, width, kernel)).data, i * height * width * 3);
  }
  return tensor('u8', [batch, height, width, 3], out);
}
