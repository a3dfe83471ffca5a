import { describe, expect, it } from 'vitest';
import { requireFinite } from '#shared/tensor/finite.ts';

describe('finite — numbers that went wrong', () => {
  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('tells one %d among many', (value) => {
    const values = new Float32Array(1000).fill(1);
    values[997] = value;
    expect(() => requireFinite(values, 'The latents after step 3 of 20', 'UNet')).toThrow(
      expect.objectContaining({
        code: 'NOT_FINITE',
        message: expect.stringMatching(/^The latents after step 3 of 20 hold NaN or infinity\. .*weights of the UNet/),
      }),
    );
  });

  it('takes every number there is, and none', () => {
    const ends = Float32Array.of(0, -0, 3.4028234663852886e38, -3.4028234663852886e38, 1.401298464324817e-45);
    expect(() => requireFinite(ends, 'The ends', 'UNet')).not.toThrow();
    expect(() => requireFinite(new Float32Array(0), 'Nothing', 'UNet')).not.toThrow();
  });
});
