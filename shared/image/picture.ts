/** A picture as a tensor, and the check that every function of this area begins with. */
import { MeshError } from '#shared/errors/errors.ts';
import { showShape, type Tensor, tensor } from '#shared/tensor/tensor.ts';

/** u8 [H, W, C] in 0…255, C = 3 (sRGB) or 1 (grey), rows from the top. */
export type Picture = Tensor<'u8'>;

/** Height, width and channels of a picture. */
export interface PictureSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Reads the size of a u8 [H, W, C] tensor.
 * @throws MeshError WRONG_SHAPE when it has other than three axes, an empty one, or C is neither 1 nor 3
 */
export function pictureSize(picture: Picture): PictureSize {
  const [height = 0, width = 0, channels = 0] = picture.shape;
  const isPicture = picture.shape.length === 3 && height > 0 && width > 0 && (channels === 1 || channels === 3);
  if (!isPicture) {
    throw new MeshError('WRONG_SHAPE', `A picture is [H, W, 3] or [H, W, 1], this is ${showShape(picture.shape)}.`, {
      got: picture.shape,
    });
  }
  return { height, width, channels };
}

/** Repeats a grey picture [H, W, 1] in three channels; a coloured one is returned as it is. */
export function toRgb(picture: Picture): Picture {
  const { height, width, channels } = pictureSize(picture);
  if (channels === 3) return picture;
  const out = new Uint8Array(height * width * 3);
  for (let i = 0; i < picture.data.length; i++) out.fill(picture.data[i]!, i * 3, i * 3 + 3);
  return tensor('u8', [height, width, 3], out);
}
