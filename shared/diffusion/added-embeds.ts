/**
 * What SDXL is conditioned by beside the prompt: pooled text and the sizes of the picture, each as sinusoids.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/unets/unet_2d_condition.py (get_aug_embed, text_time)
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { AddedEmbedding } from '#shared/tensor/network-config.ts';
import { f32, type Tensor } from '#shared/tensor/tensor.ts';

/** How a UNet lays out its sinusoids. */
interface AddedOptions {
  readonly added: AddedEmbedding;
  readonly flipSinToCos: boolean;
  readonly freqShift: number;
}

/** The longest wave over 2π. */
const MAX_PERIOD = 10_000;

/**
 * pooled   f32 [B, P]
 * timeIds  original height and width, crop top and left, target height and width in pixels; of the refiner the aesthetic score
 *          in place of the last two
 * returns  f32 [B, A]: pooled text, then the sinusoids
 * @throws MeshError WRONG_SHAPE when they do not make up the A numbers that the UNet takes
 */
export function addedEmbeds(pooled: Tensor<'f32'>, timeIds: readonly number[], options: AddedOptions): Tensor<'f32'> {
  const { width, sizeWidth } = options.added;
  const [batch, pooledWidth] = pooled.shape as [number, number];
  if (pooledWidth + timeIds.length * sizeWidth !== width) {
    const text = `${pooledWidth} numbers of pooled text and ${timeIds.length} sizes of ${sizeWidth} are not the ${width} that the UNet takes.`;
    throw new MeshError('WRONG_SHAPE', text, { pooled: pooled.shape, sizes: timeIds.length, expected: width });
  }
  const sizes = timeIds.flatMap((size) => sinusoids(size, sizeWidth, options));
  const embeds = f32([batch, width]);
  for (let i = 0; i < batch; i++) {
    embeds.data.set(pooled.data.subarray(i * pooledWidth, (i + 1) * pooledWidth), i * width);
    embeds.data.set(sizes, i * width + pooledWidth);
  }
  return embeds;
}

/**
 * The guidance scale as UNets read it that were distilled with it.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/pipelines/latent_consistency_models/pipeline_latent_consistency_text2img.py (get_guidance_scale_embedding)
 *
 * returns  f32 [1, width]
 */
export function guidanceEmbedding(scale: number, width: number): Tensor<'f32'> {
  const half = Math.floor(width / 2);
  const angles = waves(half, 1).map((frequency) => (scale - 1) * 1000 * frequency);
  return f32([1, width], Float32Array.of(...angles.map(Math.sin), ...angles.map(Math.cos), ...(width % 2 ? [0] : [])));
}

function sinusoids(value: number, width: number, { flipSinToCos, freqShift }: AddedOptions): number[] {
  const angles = waves(width / 2, freqShift).map((frequency) => value * frequency);
  const [sines, cosines] = [angles.map(Math.sin), angles.map(Math.cos)];
  return flipSinToCos ? [...cosines, ...sines] : [...sines, ...cosines];
}

/** Falling frequencies. */
function waves(count: number, shift: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.exp((-Math.log(MAX_PERIOD) * i) / (count - shift)));
}
