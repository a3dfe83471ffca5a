/** A ControlNet's hint from the picture in a request: decoded, brought to the job's size, preprocessed. */
import type { ResultStore } from '#shared/bus/object-store.ts';
import type { ControlNetUnit } from '#shared/contracts/generate.ts';
import { decodeImage } from '#shared/image/decode.ts';
import { toRgb } from '#shared/image/picture.ts';
import { encodePng } from '#shared/image/png.ts';
import { PREPROCESSORS, type Preprocess, type PreprocessorSettings } from '#shared/image/preprocessors.ts';
import { fitTo } from '#shared/image/resize.ts';
import { type Tensor, tensor } from '#shared/tensor/tensor.ts';
import { readImageSource } from './image-source.ts';

/** The contract's names are the table's. */
const MAKERS: Readonly<Record<ControlNetUnit['preprocessor'], Preprocess>> = PREPROCESSORS;

/** The part of a unit that makes its hint. */
export type HintSource = Pick<ControlNetUnit, 'image' | 'preprocessor' | 'resize_mode'> & PreprocessorSettings;

/** What a hint is for: the field it comes from, and the size of the job's pictures. */
export interface HintTarget {
  readonly path: string;
  readonly width: number;
  readonly height: number;
}

/**
 * @returns the hint as PNG, for the time until the job runs
 * @throws MeshError INVALID_IMAGE, IMAGE_TOO_LARGE, with the path of the field
 */
export async function makeHint(source: HintSource, target: HintTarget, files: ResultStore): Promise<Uint8Array> {
  const decoded = await readImageSource(source.image, target.path, files);
  const sized = toRgb(await fitTo(decoded, target, source.resize_mode));
  return encodePng(await MAKERS[source.preprocessor](sized, source));
}

/** A stored hint as the networks take it, u8 [1, 3, H, W]. */
export async function readHint(png: Uint8Array): Promise<Tensor<'u8'>> {
  const picture = toRgb(await decodeImage(png, 'hint'));
  const [height, width] = picture.shape as [number, number, number];
  const size = height * width;
  const planes = new Uint8Array(size * 3);
  for (let i = 0; i < size; i++) {
    for (let channel = 0; channel < 3; channel++) planes[channel * size + i] = picture.data[i * 3 + channel]!;
  }
  return tensor('u8', [1, 3, height, width], planes);
}
