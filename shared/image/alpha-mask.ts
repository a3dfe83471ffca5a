/** A mask out of a picture's transparency. */
import sharp from 'sharp';
import { MeshError } from '#shared/errors/errors.ts';

/**
 * White where the picture is transparent, black where it is not.
 *
 * bytes    an image file
 * returns  a grey PNG of its size; undefined when it has no transparency
 * @throws MeshError INVALID_IMAGE
 */
export async function maskOfAlpha(bytes: Uint8Array, field: string): Promise<Uint8Array | undefined> {
  try {
    const image = sharp(bytes);
    const { hasAlpha } = await image.metadata();
    if (!hasAlpha) return undefined;
    return await image.extractChannel('alpha').negate().png().toBuffer();
  } catch (cause) {
    throw new MeshError('INVALID_IMAGE', `${field} is no readable picture.`, { path: field }, { cause });
  }
}
