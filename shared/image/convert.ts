/** A finished picture in another file format or size; the text of a PNG does not come along. */
import sharp from 'sharp';

/** Formats that pictures are given out in. */
export const IMAGE_FORMATS = ['png', 'jpeg', 'webp'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** Formats: lossless for `png`; `quality` 0 … 100, 90 unless given, for the others. */
export interface Conversion {
  readonly format: ImageFormat;
  readonly quality?: number | undefined;
  /** Pixels; left out: as it is. */
  readonly size?: { readonly width: number; readonly height: number };
}

const QUALITY = 90;

/** bytes: a PNG or JPEG of ours. */
export async function convertImage(bytes: Uint8Array, { format, quality, size }: Conversion): Promise<Uint8Array> {
  const image = size ? sharp(bytes).resize({ ...size, fit: 'fill', kernel: 'cubic' }) : sharp(bytes);
  if (format === 'png') return image.png({ compressionLevel: 2, adaptiveFiltering: true }).toBuffer();
  // libvips counts from 1.
  const options = { quality: Math.max(quality ?? QUALITY, 1) };
  return (format === 'jpeg' ? image.jpeg(options) : image.webp(options)).toBuffer();
}
