/** How strong picture and noise are in latents x = α·clean + σ·noise, and the change between the two ways to say it. */

/** α and σ with α² + σ² = 1. */
export interface NoiseLevel {
  readonly alpha: number;
  readonly sigma: number;
}

/** From ᾱ, the share of the picture's variance. */
export function levelOfAlphaCumprod(alphaCumprod: number): NoiseLevel {
  return { alpha: Math.sqrt(alphaCumprod), sigma: Math.sqrt(1 - alphaCumprod) };
}

/** From σ over unscaled clean latents, 0…∞. */
export function levelOfSigma(sigma: number): NoiseLevel {
  const alpha = 1 / Math.sqrt(sigma * sigma + 1);
  return { alpha, sigma: sigma * alpha };
}
