/** From the pixels that a denoiser sends on its way to an event that people read: one JPEG for each picture. */
import { z } from 'zod';
import type { JobEvent } from '#shared/contracts/jobs.ts';
import { encodeJpeg } from '#shared/image/jpeg.ts';
import { VAE_FACTOR } from '#shared/tensor/latents.ts';
import { pick, tensor } from '#shared/tensor/tensor.ts';
import type { Message } from '#shared/wire/message.ts';

const Body = z.object({ job: z.string(), step: z.number(), steps: z.number() });
/** Pixels of a preview's longer side, at most. */
const MAX_SIDE = 256;

/**
 * The event of a preview; undefined for what is none, since on a subject with wildcards anyone may publish.
 *
 * rgb  u8 [B, h, w, 3]
 */
export async function previewEvent({ body, tensors }: Message): Promise<JobEvent | undefined> {
  const parsed = Body.safeParse(body);
  if (!parsed.success || !tensors.rgb) return undefined;
  const rgb = pick(tensors, 'rgb', 'u8');
  const [batch, height, width] = rgb.shape as [number, number, number];
  const size = height * width * 3;
  const images = Array.from({ length: batch }, async (_, i) => {
    const one = tensor('u8', [height, width, 3], rgb.data.slice(i * size, (i + 1) * size));
    const jpeg = await encodeJpeg(one, { scale: VAE_FACTOR, maxSide: MAX_SIDE });
    return `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}`;
  });
  return { type: 'preview', ...parsed.data, images: await Promise.all(images) };
}
