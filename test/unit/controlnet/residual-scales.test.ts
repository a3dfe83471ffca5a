import { describe, expect, it } from 'vitest';
import { residualScales } from '../../../services/controlnet/controlnet.ts';

/** torch.logspace(-1, 0, 13): the factors of guess mode for the 12 + 1 residuals of SD 1.5. */
const LOGSPACE = [
  0.1, 0.1211527675, 0.1467799246, 0.1778279394, 0.2154434621, 0.2610157132, 0.3162277639, 0.3831186593, 0.4641588926,
  0.5623413324, 0.681292057, 0.8254041672, 1,
];

describe('ControlNet — the factor of each residual', () => {
  it('is the scale for all of them', () => {
    expect([...residualScales(13, 0.5, false)]).toEqual(Array(13).fill(0.5));
  });

  it('grows with depth in guess mode, from a tenth to the whole of the scale', () => {
    for (const [i, factor] of residualScales(13, 1, true).entries()) expect(factor).toBeCloseTo(LOGSPACE[i]!, 6);
    for (const [i, factor] of residualScales(13, 0.5, true).entries()) expect(factor).toBeCloseTo(LOGSPACE[i]! / 2, 6);
  });
});
