/** Narrow checkpoints of Stable Diffusion 2.x and XL, of random weights, each twice: as a folder of diffusers, and as the single file of the original code. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { textEncoderShapes, unetShapes, vaeShapes } from '#infra/checkpoint/network-shapes.ts';
import { randomWeights } from '#infra/checkpoint/random-weights.ts';
import { type TensorToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { original, writeJson } from './twin-checkpoint.ts';

type Config = Readonly<Record<string, unknown>>;
type Weights = readonly TensorToWrite[];

/** Numbers per token: one head of these families. */
const WIDTH = 64;

const BETAS = { beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear', num_train_timesteps: 1000 };
const [CROSS_DOWN, DOWN, CROSS_UP, UP] = ['CrossAttnDownBlock2D', 'DownBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'];
const UNET: Config = {
  _class_name: 'UNet2DConditionModel',
  ...{ in_channels: 4, out_channels: 4, layers_per_block: 2, norm_num_groups: 32, use_linear_projection: true },
};
const VAE: Config = {
  _class_name: 'AutoencoderKL',
  block_out_channels: [32, 32, 64, 64],
  down_block_types: Array<string>(4).fill('DownEncoderBlock2D'),
  up_block_types: Array<string>(4).fill('UpDecoderBlock2D'),
  ...{ in_channels: 3, out_channels: 3, latent_channels: 4, layers_per_block: 2, norm_num_groups: 32 },
};
const TEXT: Config = {
  ...{ architectures: ['CLIPTextModel'], model_type: 'clip_text_model', hidden_size: WIDTH, num_attention_heads: 1 },
  ...{ intermediate_size: 4 * WIDTH, num_hidden_layers: 2, vocab_size: 49_408, max_position_embeddings: 77 },
};
const OPEN_TEXT: Config = { ...TEXT, hidden_act: 'gelu' };
const PART = { text_encoder: 'CLIPTextModel', tokenizer: 'CLIPTokenizer' };

interface Family {
  readonly index: Config;
  readonly scheduler: Config;
  readonly unet: Config;
  readonly vae: Config;
  readonly texts: Readonly<Record<string, Config>>;
  /** Where the text models are in the single file; OpenCLIP's have names of their own. */
  readonly places: Readonly<Record<string, string>>;
}

const FAMILIES: Readonly<Record<'sd2' | 'sdxl', Family>> = {
  sd2: {
    index: { _class_name: 'StableDiffusionPipeline', ...classes({ ...PART, scheduler: 'DDIMScheduler' }) },
    scheduler: {
      ...{ _class_name: 'DDIMScheduler', ...BETAS, clip_sample: false, set_alpha_to_one: false, steps_offset: 1 },
      prediction_type: 'v_prediction',
    },
    unet: {
      ...UNET,
      block_out_channels: [64, 64, 128, 128],
      down_block_types: [CROSS_DOWN, CROSS_DOWN, CROSS_DOWN, DOWN],
      up_block_types: [UP, CROSS_UP, CROSS_UP, CROSS_UP],
      ...{ attention_head_dim: [1, 1, 2, 2], cross_attention_dim: WIDTH, sample_size: 96 },
    },
    vae: { ...VAE, scaling_factor: 0.18215 },
    texts: { text_encoder: OPEN_TEXT },
    places: { text_encoder: 'cond_stage_model.model.' },
  },
  sdxl: {
    index: {
      _class_name: 'StableDiffusionXLPipeline',
      ...classes({ ...PART, scheduler: 'EulerDiscreteScheduler' }),
      ...classes({ text_encoder_2: 'CLIPTextModelWithProjection', tokenizer_2: 'CLIPTokenizer' }),
      force_zeros_for_empty_prompt: true,
    },
    scheduler: { _class_name: 'EulerDiscreteScheduler', ...BETAS, timestep_spacing: 'leading', steps_offset: 1 },
    unet: {
      ...UNET,
      block_out_channels: [64, 64, 128],
      down_block_types: [DOWN, CROSS_DOWN, CROSS_DOWN],
      up_block_types: [CROSS_UP, CROSS_UP, UP],
      ...{ attention_head_dim: [1, 1, 2], cross_attention_dim: 2 * WIDTH, sample_size: 128 },
      transformer_layers_per_block: [1, 1, 2],
      ...{ addition_embed_type: 'text_time', addition_time_embed_dim: 256 },
      projection_class_embeddings_input_dim: WIDTH + 6 * 256,
    },
    vae: { ...VAE, scaling_factor: 0.13025 },
    texts: {
      text_encoder: { ...TEXT, hidden_act: 'quick_gelu' },
      text_encoder_2: { ...OPEN_TEXT, architectures: ['CLIPTextModelWithProjection'], projection_dim: WIDTH },
    },
    places: { text_encoder: 'conditioner.embedders.0.transformer.', text_encoder_2: 'conditioner.embedders.1.model.' },
  },
};

/** Writes both into a folder. Returns their paths. */
export async function writeFamilyTwins(
  family: 'sd2' | 'sdxl',
  into: string,
): Promise<{ folder: string; file: string }> {
  const { index, scheduler, unet, vae, texts, places } = FAMILIES[family];
  const folder = join(into, family);
  const weights = {
    unet: randomWeights(unetShapes(unet), { seed: 1, dtype: 'f16' }),
    vae: randomWeights(vaeShapes(vae), { seed: 2, dtype: 'f16' }),
  };
  await writeNetwork(join(folder, 'unet'), unet, { 'diffusion_pytorch_model.safetensors': weights.unet });
  await writeNetwork(join(folder, 'vae'), vae, { 'diffusion_pytorch_model.safetensors': weights.vae });
  const inFile = [
    ...original(family, 'model.diffusion_model.', weights.unet),
    ...original('vae', 'first_stage_model.', weights.vae),
  ];
  for (const [i, [part, config]] of Object.entries(texts).entries()) {
    const text = randomWeights(textEncoderShapes(config), { seed: 3 + i, dtype: 'f16' });
    await writeNetwork(join(folder, part), config, { 'model.safetensors': text });
    // The folder borrows the vocabulary that comes with the project.
    const tokenizer = new URL('../models/clip-tokenizer', import.meta.url).pathname;
    const vocabulary = join(folder, part.replace('text_encoder', 'tokenizer'));
    await cp(tokenizer, vocabulary, { recursive: true });
    if (config.hidden_act === 'gelu') await writeJson(vocabulary, 'tokenizer_config.json', { pad_token: '!' });
    const names = config.hidden_act === 'gelu' ? openClip(text) : text;
    inFile.push(...names.map((one) => ({ ...one, name: places[part]! + one.name })));
  }
  await writeJson(join(folder, 'scheduler'), 'scheduler_config.json', scheduler);
  await writeJson(folder, 'model_index.json', index);
  if (family === 'sd2') inFile.push(...unreadLayer(inFile));
  const file = join(into, `${family}.safetensors`);
  await writeSafetensors(file, inFile);
  return { folder, file };
}

function classes(parts: Readonly<Record<string, string>>): Config {
  const common = { unet: 'UNet2DConditionModel', vae: 'AutoencoderKL' };
  return Object.fromEntries(Object.entries({ ...common, ...parts }).map(([part, name]) => [part, ['diffusers', name]]));
}

async function writeNetwork(folder: string, config: Config, files: Readonly<Record<string, Weights>>): Promise<void> {
  await writeJson(folder, 'config.json', config);
  for (const [name, weights] of Object.entries(files)) await writeSafetensors(join(folder, name), weights);
}

const OPEN_NAMES: readonly (readonly [RegExp, string])[] = [
  [/^text_model\.embeddings\.position_embedding\.weight$/, 'positional_embedding'],
  [/^text_model\.embeddings\./, ''],
  [/^text_model\.final_layer_norm\./, 'ln_final.'],
  [/^text_model\.encoder\.layers\./, 'transformer.resblocks.'],
  [/\.layer_norm(\d)\./, '.ln_$1.'],
  [/\.mlp\.fc1\./, '.mlp.c_fc.'],
  [/\.mlp\.fc2\./, '.mlp.c_proj.'],
  [/\.self_attn\./, '.attn.'],
];

/** Under OpenCLIP's names: query, key and value one below the other, and the projection turned. */
function openClip(weights: Weights): TensorToWrite[] {
  const find = (name: string): TensorToWrite => weights.find((one) => one.name === name)!;
  return weights.flatMap((one): TensorToWrite[] => {
    if (/\.(?:k|v)_proj\./.test(one.name)) return [];
    const renamed = OPEN_NAMES.reduce((name, [pattern, by]) => name.replace(pattern, by), one.name);
    if (one.name === 'text_projection.weight') return [turned(one)];
    if (!renamed.includes('.q_proj.')) return [{ ...one, name: renamed }];
    const parts = ['q', 'k', 'v'].map((part) => find(one.name.replace('.q_proj.', `.${part}_proj.`)));
    const [rows, ...rest] = one.shape;
    const name = renamed.replace('.q_proj.', '.in_proj_');
    return [{ ...one, name, shape: [3 * rows!, ...rest], bytes: () => parts.flatMap((part) => [...part.bytes()]) }];
  });
}

/** The last layer of 2.x, which is in its files and which it does not read. */
function unreadLayer(weights: Weights): TensorToWrite[] {
  const last = weights.filter(({ name }) => name.includes('.resblocks.1.'));
  return last.map((one) => ({ ...one, name: one.name.replace('.resblocks.1.', '.resblocks.2.') }));
}

/** f16 of a square matrix. */
function turned(matrix: TensorToWrite): TensorToWrite {
  const [rows, columns] = matrix.shape as [number, number];
  const bytes = (): Uint8Array[] => {
    const given = new Uint16Array(new Uint8Array(Buffer.concat([...matrix.bytes()])).buffer);
    const values = Uint16Array.from(given, (_, i) => given[(i % rows) * columns + Math.floor(i / rows)]!);
    return [new Uint8Array(values.buffer)];
  };
  return { ...matrix, name: 'text_projection', shape: [columns, rows], bytes };
}
