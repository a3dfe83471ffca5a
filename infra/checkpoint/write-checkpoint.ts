/** Writes a checkpoint of random weights in the layout of diffusers: it serves like any other and draws nothing known. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { WeightIndex } from '#shared/checkpoint/component-weights.ts';
import { type TensorToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { CHECKPOINT_SIZES, type CheckpointSize } from './checkpoint-size.ts';
import { controlNetShapes, textEncoderShapes, unetShapes, vaeShapes } from './network-shapes.ts';
import { PROMPT_WORDS } from './prompt-words.ts';
import { randomLora } from './random-lora.ts';
import { randomWeights, type StoredDType } from './random-weights.ts';
import { wordTokenizer } from './word-tokenizer.ts';

type Config = Readonly<Record<string, unknown>>;

/** Parts that can be written alone. */
export const CHECKPOINT_PARTS = [
  'text_encoder',
  'text_encoder_2',
  'unet',
  'vae',
  'tokenizer',
  'tokenizer_2',
  'scheduler',
  'controlnets',
  'loras',
] as const;
/** One of {@link CHECKPOINT_PARTS}. */
export type CheckpointPart = (typeof CHECKPOINT_PARTS)[number];

/** What to write; the default is the whole small checkpoint in f16. */
export interface CheckpointOptions {
  readonly size?: keyof typeof CHECKPOINT_SIZES;
  readonly seed?: number;
  readonly dtype?: StoredDType;
  /** All by default; those of SDXL alone are left out elsewhere. */
  readonly parts?: readonly CheckpointPart[];
}

const CONTROLNETS = ['edges'];
const LORAS = ['sketch', 'neon'];

/** Writes the parts that are asked for into `folder`, which is made. */
export async function writeCheckpoint(
  folder: string,
  { size = 'small', seed = 0, dtype = 'f16', parts = CHECKPOINT_PARTS }: CheckpointOptions = {},
): Promise<void> {
  const tokenizer = wordTokenizer(PROMPT_WORDS);
  const { textEncoder2, index } = CHECKPOINT_SIZES[size];
  const configs = completeConfigs(CHECKPOINT_SIZES[size], Object.keys(tokenizer.vocab).length);
  const unet = unetShapes(configs.unet);
  const textEncoder = textEncoderShapes(configs.textEncoder);
  const random = (index: WeightIndex, nth: number): TensorToWrite[] =>
    randomWeights(index, { seed: seed + nth, dtype });
  const writers: Record<CheckpointPart, () => Promise<void>> = {
    unet: () => writeNetwork(join(folder, 'unet'), configs.unet, random(unet, 0)),
    vae: () => writeNetwork(join(folder, 'vae'), configs.vae, random(vaeShapes(configs.vae), 1)),
    text_encoder: () => writeNetwork(join(folder, 'text_encoder'), configs.textEncoder, random(textEncoder, 2)),
    text_encoder_2: async () => {
      if (!textEncoder2) return;
      await writeNetwork(join(folder, 'text_encoder_2'), textEncoder2, random(textEncoderShapes(textEncoder2), 3));
    },
    tokenizer: () => writeTokenizer(join(folder, 'tokenizer'), tokenizer),
    tokenizer_2: async () => {
      if (textEncoder2) await writeTokenizer(join(folder, 'tokenizer_2'), tokenizer);
    },
    scheduler: () => writeJson(join(folder, 'scheduler'), 'scheduler_config.json', configs.scheduler),
    controlnets: async () => {
      for (const [i, name] of CONTROLNETS.entries()) {
        const weights = random(controlNetShapes(configs.controlNet), 10 + i);
        await writeNetwork(join(folder, 'controlnets', name), configs.controlNet, weights);
      }
    },
    loras: async () => {
      await mkdir(join(folder, 'loras'), { recursive: true });
      for (const [i, name] of LORAS.entries()) {
        const lora = randomLora({ unet, text_encoder: textEncoder }, { seed: seed + 20 + i, dtype });
        await writeSafetensors(join(folder, 'loras', `${name}.safetensors`), lora);
      }
    },
  };
  for (const part of parts) await writers[part]();
  // Last, so that a folder with an index is a whole checkpoint.
  await writeJson(folder, 'model_index.json', index);
}

function completeConfigs({ unet, vae, textEncoder, controlNet, scheduler }: CheckpointSize, vocabSize: number) {
  const { out_channels: _, up_block_types: __, sample_size: ___, ...encoder } = unet;
  return {
    unet,
    vae,
    scheduler,
    textEncoder: { vocab_size: vocabSize, ...textEncoder },
    controlNet: { ...encoder, _class_name: 'ControlNetModel', ...controlNet },
  };
}

async function writeNetwork(folder: string, config: Config, weights: readonly TensorToWrite[]): Promise<void> {
  await writeJson(folder, 'config.json', config);
  const name = config._class_name === undefined ? 'model' : 'diffusion_pytorch_model';
  await writeSafetensors(join(folder, `${name}.safetensors`), weights);
}

async function writeTokenizer(folder: string, { vocab, merges }: ReturnType<typeof wordTokenizer>): Promise<void> {
  await writeJson(folder, 'vocab.json', vocab);
  await writeJson(folder, 'tokenizer_config.json', {
    tokenizer_class: 'CLIPTokenizer',
    model_max_length: 77,
    bos_token: '<|startoftext|>',
    eos_token: '<|endoftext|>',
    unk_token: '<|endoftext|>',
    pad_token: '<|endoftext|>',
  });
  await writeFile(join(folder, 'merges.txt'), ['#version: 0.2', ...merges, ''].join('\n'));
}

async function writeJson(folder: string, name: string, value: Config): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), `${JSON.stringify(value, null, 2)}\n`);
}
