import { describe, expect, it } from 'vitest';
import { applyGuidance, applyGuidanceToHalves } from '#shared/diffusion/guidance.ts';
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

  it('refuses halves of different length', () => {
    expect(codeOf(() => applyGuidance(unconditional, new Float32Array(2), 1))).toBe('WRONG_SHAPE');
    expect(codeOf(() => applyGuidance(unconditional, conditional, 1, new Float32Array(4)))).toBe('WRONG_SHAPE');
    expect(codeOf(() => applyGuidanceToHalves(new Float32Array(5), 1))).toBe('WRONG_SHAPE');
  });
});
