/** The pictures that a job starts from, as they were stored at the door: for the denoiser, and for what its result is put into. */
import type { ResultStore } from '#shared/bus/object-store.ts';
import { decodeImage } from '#shared/image/decode.ts';
import { toGrey } from '#shared/image/grey.ts';
import { composed } from '#shared/image/mask.ts';
import { type Picture, toRgb } from '#shared/image/picture.ts';
import { resizeTo } from '#shared/image/resize.ts';
import type { MeshCallOptions } from '#shared/placement/mesh-client.ts';
import { isInpainting } from '#shared/tensor/network-config.ts';
import { type Tensor, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import type { AdmittedStart } from './admitted-start.ts';
import type { GenerationParts } from './generation-parts.ts';
import { startTensors } from './start-tensors.ts';

/** The tensors of a run that starts there. */
export async function readStart(
  { mesh, files, pipeline }: GenerationParts,
  start: AdmittedStart,
  options: MeshCallOptions,
): Promise<TensorMap> {
  const image = await readPicture(files, start.image);
  const mask = start.mask && (await readMask(files, start.mask.image));
  return startTensors(mesh, { image, mask }, isInpainting(pipeline.unet), options);
}

/**
 * Every result put into the picture whose part it is.
 *
 * pixels   u8 [B, H, W, 3]
 * returns  u8 [B, H₀, W₀, 3]
 */
export async function putBack(
  files: ResultStore,
  { mask }: AdmittedStart,
  pixels: Tensor<'u8'>,
): Promise<Tensor<'u8'>> {
  if (!mask?.around) return pixels;
  const { region } = mask.around;
  const picture = await readPicture(files, mask.around.picture);
  const soft = await readMask(files, mask.around.mask);
  const [batch, ...shape] = pixels.shape as [number, number, number, number];
  const size = pixels.data.length / batch;
  const out = new Uint8Array(batch * picture.data.length);
  for (let i = 0; i < batch; i++) {
    const result = tensor('u8', shape, pixels.data.subarray(i * size, (i + 1) * size));
    const part = await resizeTo(result, region.height, region.width);
    out.set(composed(picture, part, soft, region).data, i * picture.data.length);
  }
  return tensor('u8', [batch, ...picture.shape], out);
}

async function readPicture(files: ResultStore, name: string): Promise<Picture> {
  return toRgb(await decodeImage(await files.get(name), 'start'));
}

async function readMask(files: ResultStore, name: string): Promise<Picture> {
  return toGrey(await readPicture(files, name));
}
