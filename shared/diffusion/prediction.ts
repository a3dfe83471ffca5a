/**
 * What a model output says, whatever it was trained to predict: clean latents and noise are weighted sums of the noisy
 * latents x = α·clean + σ·noise and the output.
 * Source: Salimans and Ho 2022, appendix D.
 */
import { levelOfSigma, type NoiseLevel } from './noise-level.ts';
import type { PredictionType } from './scheduler-config.ts';

/** Weights of the noisy latents and of the model output. */
export interface PredictionWeights {
  readonly latents: number;
  readonly output: number;
}

/** Weights that give the clean latents. */
export function cleanWeights(prediction: PredictionType, { alpha, sigma }: NoiseLevel): PredictionWeights {
  switch (prediction) {
    case 'epsilon':
      return { latents: 1 / alpha, output: -sigma / alpha };
    case 'v_prediction':
      return { latents: alpha, output: -sigma };
    case 'sample':
      return { latents: 0, output: 1 };
  }
}

/** Weights that give the noise. */
export function noiseWeights(prediction: PredictionType, { alpha, sigma }: NoiseLevel): PredictionWeights {
  switch (prediction) {
    case 'epsilon':
      return { latents: 0, output: 1 };
    case 'v_prediction':
      return { latents: sigma, output: alpha };
    case 'sample':
      return { latents: 1 / sigma, output: -alpha / sigma };
  }
}

/** Weights that give the slope dx/dσ of unscaled latents x = clean + σ·noise, which is the noise. */
export function slopeWeights(prediction: PredictionType, sigma: number): PredictionWeights {
  const level = levelOfSigma(sigma);
  const noise = noiseWeights(prediction, level);
  return { latents: noise.latents * level.alpha, output: noise.output };
}
