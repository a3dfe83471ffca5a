/** The step of ancestral samplers: further down than wanted, then back up by fresh noise. */

/** Where a step from one noise level to a lower one goes. */
export interface AncestralStep {
  /** The level that the step itself reaches. */
  readonly down: number;
  /** Deviation of the noise that brings it up to the level wanted. */
  readonly up: number;
}

/**
 * Splits a step, from > to ≥ 0.
 *
 * eta   share of fresh noise: 1 as the method has it, 0 none
 * Source: https://github.com/crowsonkb/k-diffusion/blob/v0.1.1/k_diffusion/sampling.py `get_ancestral_step`
 */
export function ancestralStep(from: number, to: number, eta: number): AncestralStep {
  const up = Math.min(to, eta * Math.sqrt((to ** 2 * (from ** 2 - to ** 2)) / from ** 2));
  return { down: Math.sqrt(to ** 2 - up ** 2), up };
}
