/** From bytes of the outside world to a picture, with limits first. The only user of sharp besides `resize.ts`. */
import sharp from 'sharp';
import { MeshError } from '#shared/errors/errors.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import type { Picture } from './picture.ts';

/** Bytes of a picture's file. */
export const MAX_IMAGE_FILE_BYTES = 16 * 1024 * 1024;
/** Pixels of a picture: 64 megapixels, more than a camera's, take 192 MB decoded. */
export const MAX_IMAGE_PIXELS = 64 * 1024 * 1024;
/** A file may be small and still slow. */
const DECODE_TIMEOUT_SECONDS = 20;
// A1111 and its ControlNet put transparent pictures on white, too.
const BEHIND_TRANSPARENCY = '#ffffff';

/**
 * Decodes PNG, JPEG, WebP, AVIF or the first frame of a GIF: turned upright by its EXIF orientation, brought to sRGB by its
 * ICC profile, transparency put on white.
 *
 * field    where the picture stands in the request, for the error
 * returns  u8 [H, W, 3]
 * @throws MeshError IMAGE_TOO_LARGE, before a pixel is decoded; INVALID_IMAGE when it is no such file, damaged or cut off
 */
export async function decodeImage(bytes: Uint8Array, field = 'image'): Promise<Picture> {
  requireImageBytes(bytes.length, field);
  if (!isSupported(bytes)) throw invalid(field, 'it does not begin like one');
  await checkPixels(bytes, field);
  try {
    const { data, info } = await sharp(bytes, { limitInputPixels: MAX_IMAGE_PIXELS, failOn: 'truncated' })
      .timeout({ seconds: DECODE_TIMEOUT_SECONDS })
      .autoOrient()
      .flatten({ background: BEHIND_TRANSPARENCY })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return tensor('u8', [info.height, info.width, info.channels], new Uint8Array(data));
  } catch (cause) {
    throw invalid(field, reasonOf(cause), cause);
  }
}

/**
 * Decodes a picture that came in JSON: base64, or a data URL.
 *
 * returns  u8 [H, W, 3]
 * @throws MeshError as {@link decodeImage}; INVALID_IMAGE also when the text is no base64
 */
export async function decodeBase64Image(text: string, field = 'image'): Promise<Picture> {
  const base64 = text.startsWith('data:') ? base64OfDataUrl(text, field) : text;
  const bytes = Math.floor(base64.length / 4) * 3;
  requireImageBytes(bytes - 3, field); // by padding and rounding
  // Buffer skips what it does not know, so a damaged text would come out as a damaged picture.
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    throw invalid(field, 'it is neither base64 nor a data URL (addresses are not fetched)');
  }
  return decodeImage(Buffer.from(base64, 'base64'), field);
}

/** @throws MeshError IMAGE_TOO_LARGE for the size of a file that need not be read yet */
export function requireImageBytes(bytes: number, field: string): void {
  if (bytes > MAX_IMAGE_FILE_BYTES) throw tooLarge(field, { bytes, limit: MAX_IMAGE_FILE_BYTES });
}

function base64OfDataUrl(text: string, field: string): string {
  const [head] = /^data:[^,]{0,100};base64,/i.exec(text) ?? [];
  if (!head) throw invalid(field, 'its data URL is not in base64');
  return text.slice(head.length);
}

const FIRST_BYTES = ['\x89PNG\r\n\x1a\n', '\xff\xd8\xff', 'GIF87a', 'GIF89a'];
const AVIF_BRANDS = ['avif', 'avis', 'mif1', 'msf1'];

/** By the first bytes, so that libvips never tries its other readers (SVG, PDF, TIFF …) on foreign bytes. */
function isSupported(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 16)).toString('latin1');
  if (head.startsWith('RIFF')) return head.startsWith('WEBP', 8);
  if (head.startsWith('ftyp', 4)) return AVIF_BRANDS.some((brand) => head.startsWith(brand, 8));
  return FIRST_BYTES.some((start) => head.startsWith(start));
}

async function checkPixels(bytes: Uint8Array, field: string): Promise<void> {
  let size: { width: number; height: number };
  try {
    // Without a limit of its own, which would be reported as a broken file.
    size = await sharp(bytes, { limitInputPixels: false, failOn: 'truncated' }).metadata();
  } catch (cause) {
    throw invalid(field, reasonOf(cause), cause);
  }
  const pixels = size.width * size.height;
  if (pixels > MAX_IMAGE_PIXELS) throw tooLarge(field, { pixels, limit: MAX_IMAGE_PIXELS });
}

/** libvips reports one line per reader that gave up; the first says most. */
function reasonOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const [first = ''] = text.replace(/^Input buffer has corrupt header:\s*/, '').split('\n');
  return `it is damaged or cut off (${first || 'no frame found'})`;
}

function invalid(field: string, reason: string, cause?: unknown): MeshError {
  const message = `${field} is no readable picture: ${reason}. Send a whole PNG, JPEG, WebP, AVIF or GIF.`;
  return new MeshError('INVALID_IMAGE', message, { path: field, reason }, { cause });
}

function tooLarge(field: string, got: { bytes?: number; pixels?: number; limit: number }): MeshError {
  const size = got.pixels === undefined ? `${got.bytes} bytes` : `${got.pixels} pixels`;
  return new MeshError('IMAGE_TOO_LARGE', `${field} has ${size}, ${got.limit} are allowed: send a smaller one.`, {
    path: field,
    ...got,
  });
}
