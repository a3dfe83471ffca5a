/** What the parts of a single file say of the model: its pipeline, its scheduler, the sizes it was trained at. */
import type { WeightIndex } from '../component-weights.ts';
import type { JsonRecord } from '../json-file.ts';

/** Known by the widths of its text. */
export interface FileFamily {
  readonly name: string;
  /** What diffusers calls the pipeline, without what its UNet's inputs add. */
  readonly pipeline: 'StableDiffusion' | 'StableDiffusionXL';
  /** Latent pixels along an edge. */
  readonly sampleSize: number;
  readonly scalingFactor: number;
  readonly scheduler: JsonRecord;
}

/** How a model was trained to answer. */
export type PredictionType = 'epsilon' | 'v_prediction';

const NOISE = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear', num_train_timesteps: 1000 };

/** Width of the text that the UNet takes, and the model that has it; XL's refiner takes the second encoder's alone. */
const TEXT_WIDTHS: Readonly<Record<number, string>> = {
  768: 'Stable Diffusion 1.x',
  1024: 'Stable Diffusion 2.x',
  1280: 'Stable Diffusion XL refiner',
  2048: 'Stable Diffusion XL',
};

/** Channels that a UNet takes, and what follows in the name of the pipeline. */
const PIPELINE_BY_CHANNELS: Readonly<Record<number, string>> = {
  5: 'Depth2Img',
  7: 'Upscale',
  8: 'InstructPix2Pix',
  9: 'Inpaint',
};

/**
 * The family of a UNet's weights.
 *
 * prediction   as it was told from outside; undefined takes what the family mostly is
 */
export function familyOfUnet(index: WeightIndex, prediction: PredictionType | undefined): FileFamily {
  const textWidth = [...index].find(([name]) => name.endsWith('.attn2.to_k.weight'))?.[1][1] ?? 0;
  const isXl = index.has('add_embedding.linear_1.weight');
  const isLinear = [...index].some(([name, shape]) => name.endsWith('.proj_in.weight') && shape.length === 2);
  if (isXl) return xl(TEXT_WIDTHS[textWidth] ?? 'Stable Diffusion XL', prediction ?? 'epsilon');
  return isLinear ? second(prediction ?? 'v_prediction') : first(prediction ?? 'epsilon');
}

/** `_class_name` of `model_index.json`. */
export function pipelineClass({ pipeline }: FileFamily, inChannels: number): string {
  return `${pipeline}${PIPELINE_BY_CHANNELS[inChannels] ?? ''}Pipeline`;
}

function first(prediction: PredictionType): FileFamily {
  return {
    name: 'Stable Diffusion 1.x',
    pipeline: 'StableDiffusion',
    sampleSize: 64,
    scalingFactor: 0.18215,
    scheduler: {
      _class_name: 'PNDMScheduler',
      ...NOISE,
      skip_prk_steps: true,
      set_alpha_to_one: false,
      steps_offset: 1,
      prediction_type: prediction,
    },
  };
}

/** Models of 768 pixels predict v, the base ones of 512 noise; no shape tells them apart. */
function second(prediction: PredictionType): FileFamily {
  return {
    name: 'Stable Diffusion 2.x',
    pipeline: 'StableDiffusion',
    sampleSize: prediction === 'v_prediction' ? 96 : 64,
    scalingFactor: 0.18215,
    scheduler: {
      _class_name: 'DDIMScheduler',
      ...NOISE,
      clip_sample: false,
      set_alpha_to_one: false,
      steps_offset: 1,
      prediction_type: prediction,
    },
  };
}

function xl(name: string, prediction: PredictionType): FileFamily {
  return {
    name,
    pipeline: 'StableDiffusionXL',
    sampleSize: 128,
    scalingFactor: 0.13025,
    scheduler: {
      _class_name: 'EulerDiscreteScheduler',
      ...NOISE,
      timestep_spacing: 'leading',
      steps_offset: 1,
      prediction_type: prediction,
    },
  };
}
