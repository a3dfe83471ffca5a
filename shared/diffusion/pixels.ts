/**
 * Between pictures of bytes [B, H, W, 3] and the f32 [B, 3, H, W] of networks, rounded as the reference rounds.
 * Source: https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/image_processor.py
 */
import { MeshError } from '#shared/errors/errors.ts';
import { requireFinite } from '#shared/tensor/finite.ts';

const { fround } = Math;
const CHANNELS = 3;
const LEVELS = 256;

/** Byte → 0…1. */
const UNIT_LEVELS = Float32Array.from({ length: LEVELS }, (_, byte) => byte / 255);
/** Byte → −1…1. */
const SIGNED_LEVELS = UNIT_LEVELS.map((level) => 2 * level - 1);

/**
 * What the VAE decoded, as a picture.
 *
 * decoded   f32 [B, 3, H, W], −1…1, values beyond are cut
 * pixels    H · W
 * returns   u8 [B, H, W, 3]
 * @throws MeshError WRONG_SHAPE when `decoded` is no whole number of pictures; NOT_FINITE
 */
export function pixelsOfDecoded(decoded: Float32Array, pixels: number): Uint8Array {
  requirePictures(decoded.length, pixels);
  requireFinite(decoded, 'The decoded pixels', 'VAE');
  // A clamped array cuts at 0 and 255 and rounds halves to even, which is what the reference does.
  const bytes = new Uint8ClampedArray(decoded.length);
  for (let plane = 0; plane * pixels < decoded.length; plane++) {
    const source = plane * pixels;
    const target = interleavedStart(plane, pixels);
    for (let i = 0; i < pixels; i++) {
      const unit = Math.min(Math.max(fround(decoded[source + i]! / 2 + 0.5), 0), 1);
      bytes[target + i * CHANNELS] = fround(unit * 255);
    }
  }
  return new Uint8Array(bytes.buffer);
}

/**
 * A picture as the VAE encodes it.
 *
 * bytes     u8 [B, H, W, 3]
 * returns   f32 [B, 3, H, W], −1…1
 * @throws MeshError WRONG_SHAPE when `bytes` is no whole number of pictures.
 */
export function encoderInputOfPixels(bytes: Uint8Array, pixels: number): Float32Array {
  return planesOfPixels(bytes, pixels, SIGNED_LEVELS);
}

/** The same as a ControlNet's hint: f32 [B, 3, H, W], 0…1. */
export function hintOfPixels(bytes: Uint8Array, pixels: number): Float32Array {
  return planesOfPixels(bytes, pixels, UNIT_LEVELS);
}

function planesOfPixels(bytes: Uint8Array, pixels: number, levels: Float32Array): Float32Array {
  requirePictures(bytes.length, pixels);
  const planes = new Float32Array(bytes.length);
  for (let plane = 0; plane * pixels < bytes.length; plane++) {
    const target = plane * pixels;
    const source = interleavedStart(plane, pixels);
    for (let i = 0; i < pixels; i++) planes[target + i] = levels[bytes[source + i * CHANNELS]!]!;
  }
  return planes;
}

/** Where the first value of a plane (picture · 3 + channel) lies in interleaved bytes. */
function interleavedStart(plane: number, pixels: number): number {
  const channel = plane % CHANNELS;
  return (plane - channel) * pixels + channel;
}

function requirePictures(elements: number, pixels: number): void {
  if (pixels > 0 && elements % (pixels * CHANNELS) === 0) return;
  throw new MeshError('WRONG_SHAPE', `${elements} elements are no whole number of pictures of ${pixels} pixels.`, {
    elements,
    pixels,
  });
}
