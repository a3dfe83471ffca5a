import { describe, expect, it } from 'vitest';
import { applyGuidance, applyGuidanceToHalves, rescaleGuidance } from '#shared/diffusion/guidance.ts';
import { codeOf } from './thrown.ts';

const unconditional = Float32Array.of(1, 2, 3);
const conditional = Float32Array.of(2, 2, 1);

describe('guidance', () => {
  it('goes beyond the conditional prediction, away from the unconditional one', () => {
    expect([...applyGuidance(unconditional, conditional, 7.5)]).toEqual([8.5, 2, -12]);
  });

  it('is the conditional prediction at scale 1 and the unconditional one at 0', () => {
    expect(applyGuidance(unconditional, conditional, 1)).toEqual(conditional);
    expect(applyGuidance(unconditional, conditional, 0)).toEqual(unconditional);
  });

  it('takes the unconditional half of a batch first', () => {
    const batch = Float32Array.of(...unconditional, ...conditional);
    expect(applyGuidanceToHalves(batch, 2)).toEqual(applyGuidance(unconditional, conditional, 2));
  });

  it('writes where it is told, also over an input', () => {
    const expected = applyGuidance(unconditional, conditional, 3);
    const out = conditional.slice();
    expect(applyGuidance(unconditional, out, 3, out)).toBe(out);
    expect(out).toEqual(expected);
  });

  // Recorded from Diffusers' rescale_noise_cfg.
  it.each([
    [0.7, [2.991729497909546, 0.7039363384246826, -4.223618030548096, 3.6076736450195312]],
    [1, [0.6310418844223022, 0.14848044514656067, -0.890882670879364, 0.7609623074531555]],
  ])('is brought back to the conditional deviation by %d, each picture by itself', (share, want) => {
    const both = { base: [1, 2, 3, -1, 0.5, 0, -2, 4], wanted: [2, 2, 1, 0.5, -1, 1, 3, 2.5] };
    const conditioned = Float32Array.from(both.wanted);
    const guided = applyGuidance(Float32Array.from(both.base), conditioned, 7.5);
    const got = rescaleGuidance(guided.slice(), conditioned, share, 2);
    for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 5);
    const [, second] = [0, 4].map((at) =>
      rescaleGuidance(guided.slice(at, at + 4), conditioned.slice(at, at + 4), share, 1),
    );
    expect(got.slice(4)).toEqual(second);
  });

  it('stays as it is at a rescale of 0', () => {
    expect([...rescaleGuidance(Float32Array.of(1, 5), Float32Array.of(0, 1), 0, 1)]).toEqual([1, 5]);
  });

  it('refuses halves of different length', () => {
    expect(codeOf(() => applyGuidance(unconditional, new Float32Array(2), 1))).toBe('WRONG_SHAPE');
    expect(codeOf(() => applyGuidance(unconditional, conditional, 1, new Float32Array(4)))).toBe('WRONG_SHAPE');
    expect(codeOf(() => applyGuidanceToHalves(new Float32Array(5), 1))).toBe('WRONG_SHAPE');
  });
});
