import { describe, expect, it } from 'vitest';
import { encoderInputOfPixels, hintOfPixels, pixelsOfDecoded } from '#shared/diffusion/pixels.ts';
import { codeOf } from './thrown.ts';

/** Two pictures of 1 × 2 pixels, interleaved. */
const BYTES = Uint8Array.of(0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255);
const PIXELS = 2;

describe('pixels', () => {
  it('lays planes out as the network wants them', () => {
    const units = hintOfPixels(BYTES, PIXELS).map((value) => Math.round(value * 255));
    expect([...units]).toEqual([0, 3, 1, 4, 2, 5, 250, 253, 251, 254, 252, 255]);
  });

  it('gives every byte back', () => {
    const all = Uint8Array.from({ length: 256 * 3 }, (_, i) => i / 3);
    expect(pixelsOfDecoded(encoderInputOfPixels(all, 256), 256)).toEqual(all);
    expect(pixelsOfDecoded(encoderInputOfPixels(BYTES, PIXELS), PIXELS)).toEqual(BYTES);
  });

  it('keeps the ranges: −1…1 for the VAE, 0…1 for hints', () => {
    const ends = Uint8Array.of(0, 255, 0);
    expect([...encoderInputOfPixels(ends, 1)]).toEqual([-1, 1, -1]);
    expect([...hintOfPixels(ends, 1)]).toEqual([0, 1, 0]);
  });

  it('cuts what lies beyond and rounds halves to even', () => {
    const half = (byte: number): number => (2 * byte) / 255 - 1;
    expect([...pixelsOfDecoded(Float32Array.of(-3, 7, 0), 1)]).toEqual([0, 255, 128]);
    expect([...pixelsOfDecoded(Float32Array.of(half(10.4), half(10.6), -1), 1)]).toEqual([10, 11, 0]);
  });

  it('refuses to draw what is no number', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(codeOf(() => pixelsOfDecoded(Float32Array.of(0, value, 0), 1))).toBe('NOT_FINITE');
    }
  });

  it('refuses what is no whole picture', () => {
    expect(codeOf(() => pixelsOfDecoded(new Float32Array(5), 2))).toBe('WRONG_SHAPE');
    expect(codeOf(() => hintOfPixels(BYTES, 0))).toBe('WRONG_SHAPE');
  });
});
