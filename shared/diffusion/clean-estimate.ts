/** What the clean latents would be, told from one output of the model: the picture that previews show. */
import { mix } from './mix.ts';
import { levelOfAlphaCumprod } from './noise-level.ts';
import { cleanWeights } from './prediction.ts';
import { alphasCumprod } from './schedule.ts';
import { readSettings, type SchedulerConfig } from './scheduler-config.ts';

/** Whatever the sampler: every model of this family sees latents of variance 1, x = α·clean + σ·noise. */
const ANY_SAMPLER = { timestepSpacing: 'leading', only: {} } as const;

/**
 * modelInput, output  f32 of one length: latents as the model saw them, and what it said of them (guided)
 * returns             f32 of that length
 */
export type CleanEstimate = (modelInput: Float32Array, output: Float32Array, timestep: number) => Float32Array;

/** The estimate for a checkpoint's schedule. @throws MeshError CONFIG_INVALID, CONFIG_UNSUPPORTED */
export function cleanEstimate(config: SchedulerConfig): CleanEstimate {
  const settings = readSettings(config, ANY_SAMPLER);
  const alphas = alphasCumprod(settings);
  return (modelInput, output, timestep) => {
    // The nearest whole timestep: nobody sees the difference in a preview.
    const nearest = Math.min(Math.max(Math.round(timestep), 0), alphas.length - 1);
    // Where ᾱ ends at 0 the noise says nothing of the picture.
    const level = levelOfAlphaCumprod(Math.max(alphas[nearest]!, Number.EPSILON));
    const weights = cleanWeights(settings.predictionType, level);
    return mix([weights.latents, modelInput], [weights.output, output]);
  };
}
