/** One small checkpoint of random weights, twice: as a folder of diffusers, and as the single file that the original code would have. */

import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { controlNetShapes, textEncoderShapes, unetShapes, vaeShapes } from '#infra/checkpoint/network-shapes.ts';
import { randomWeights } from '#infra/checkpoint/random-weights.ts';
import { type TensorToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';

type Config = Readonly<Record<string, unknown>>;

/** One network's names: the original's, diffusers', shape at the size of the published model. */
export type NamePair = readonly [string, string, readonly number[]];

/** What `make_ldm_names.py` recorded. */
export const LDM_NAMES = JSON.parse(
  gunzipSync(readFileSync(new URL('./golden/data/checkpoint/ldm-names.json.gz', import.meta.url))).toString(),
) as { models: Record<string, { config: Record<string, unknown>; pairs: NamePair[] }> };

/** Narrow, and else as every Stable Diffusion 1.x: 32 groups, 8 heads, two layers in a block. */
const ENCODER: Config = {
  in_channels: 4,
  block_out_channels: [32, 32, 64, 64],
  down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
  layers_per_block: 2,
  attention_head_dim: 8,
  cross_attention_dim: 64,
  norm_num_groups: 32,
};
const UNET: Config = {
  _class_name: 'UNet2DConditionModel',
  ...ENCODER,
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
  out_channels: 4,
  sample_size: 64,
};
const CONTROLNET: Config = {
  _class_name: 'ControlNetModel',
  ...ENCODER,
  conditioning_embedding_out_channels: [16, 32, 96, 256],
};
const VAE: Config = {
  _class_name: 'AutoencoderKL',
  block_out_channels: [32, 32, 64, 64],
  down_block_types: Array<string>(4).fill('DownEncoderBlock2D'),
  up_block_types: Array<string>(4).fill('UpDecoderBlock2D'),
  in_channels: 3,
  out_channels: 3,
  latent_channels: 4,
  layers_per_block: 2,
  norm_num_groups: 32,
  scaling_factor: 0.18215,
};
const TEXT_ENCODER: Config = {
  architectures: ['CLIPTextModel'],
  model_type: 'clip_text_model',
  hidden_size: 64,
  num_attention_heads: 1,
  intermediate_size: 128,
  num_hidden_layers: 2,
  vocab_size: 49_408,
  max_position_embeddings: 77,
  hidden_act: 'quick_gelu',
};
const SCHEDULER: Config = {
  _class_name: 'PNDMScheduler',
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  num_train_timesteps: 1000,
  skip_prk_steps: true,
  set_alpha_to_one: false,
  steps_offset: 1,
};
const INDEX: Config = {
  _class_name: 'StableDiffusionPipeline',
  text_encoder: ['transformers', 'CLIPTextModel'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  unet: ['diffusers', 'UNet2DConditionModel'],
  vae: ['diffusers', 'AutoencoderKL'],
  scheduler: ['diffusers', 'PNDMScheduler'],
};

/** Where the twins lie. */
export interface TwinCheckpoint {
  readonly folder: string;
  readonly file: string;
  readonly vaeFile: string;
  readonly controlNetFile: string;
}

/** Writes them into a folder. */
export async function writeTwins(into: string): Promise<TwinCheckpoint> {
  const networks = {
    unet: { config: UNET, weights: randomWeights(unetShapes(UNET), { seed: 1, dtype: 'f16' }) },
    vae: { config: VAE, weights: randomWeights(vaeShapes(VAE), { seed: 2, dtype: 'f16' }) },
    text_encoder: {
      config: TEXT_ENCODER,
      weights: randomWeights(textEncoderShapes(TEXT_ENCODER), { seed: 3, dtype: 'f16' }),
    },
  };
  const controlNet = randomWeights(controlNetShapes(CONTROLNET), { seed: 4, dtype: 'f16' });
  const folder = join(into, 'twin');
  for (const [part, { config, weights }] of Object.entries(networks)) {
    const name = part === 'text_encoder' ? 'model' : 'diffusion_pytorch_model';
    await writeJson(join(folder, part), 'config.json', config);
    await writeSafetensors(join(folder, part, `${name}.safetensors`), weights);
  }
  await writeJson(join(folder, 'controlnets', 'lines'), 'config.json', CONTROLNET);
  await writeSafetensors(join(folder, 'controlnets', 'lines', 'diffusion_pytorch_model.safetensors'), controlNet);
  await writeJson(join(folder, 'scheduler'), 'scheduler_config.json', SCHEDULER);
  await writeJson(folder, 'model_index.json', INDEX);
  const places = {
    folder,
    file: join(into, 'twin.safetensors'),
    vaeFile: join(into, 'other-vae.safetensors'),
    controlNetFile: join(into, 'controlnets', 'lines.safetensors'),
  };
  await writeSafetensors(places.file, [
    ...original('sd1', 'model.diffusion_model.', networks.unet.weights),
    ...original('vae', 'first_stage_model.', networks.vae.weights),
    ...networks.text_encoder.weights.map((one) => ({ ...one, name: `cond_stage_model.transformer.${one.name}` })),
    { name: 'alphas_cumprod', dtype: 'f32', shape: [1], bytes: () => [new Uint8Array(4)] },
  ]);
  await writeSafetensors(places.vaeFile, original('vae', '', randomWeights(vaeShapes(VAE), { seed: 5, dtype: 'f16' })));
  await mkdir(join(into, 'controlnets'), { recursive: true });
  await writeSafetensors(places.controlNetFile, original('controlnet', 'control_model.', controlNet));
  return places;
}

/** A network under its original names, as LDM or SGM have them; the VAE's attention is 1×1 convolutions there. */
export function original(model: string, prefix: string, weights: readonly TensorToWrite[]): TensorToWrite[] {
  const names = new Map(LDM_NAMES.models[model]!.pairs.map(([ldm, diffusers]) => [diffusers, ldm]));
  return weights.map((weight) => {
    const name = names.get(weight.name);
    if (name === undefined) throw new Error(`${weight.name} has no original name.`);
    const isConvolution = /\.mid\.attn_1\.(?:q|k|v|proj_out)\.weight$/.test(name);
    return { ...weight, name: prefix + name, shape: isConvolution ? [...weight.shape, 1, 1] : weight.shape };
  });
}

/** Writes one file into a folder, which is made where it is not there. */
export async function writeJson(folder: string, name: string, value: object): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), JSON.stringify(value));
}
