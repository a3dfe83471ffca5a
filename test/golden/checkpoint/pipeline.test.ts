import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openComponent } from '#shared/checkpoint/component.ts';
import { assertControlNetFits } from '#shared/checkpoint/controlnet-fit.ts';
import { Library } from '#shared/checkpoint/library.ts';
import { openPipeline, sizeCount } from '#shared/checkpoint/pipeline.ts';
import { parseControlNetConfig } from '#shared/checkpoint/unet-config.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';
import { goldenPath } from '../reference.ts';

const folder = await temporaryFolder();
const CONFIGS = ['model_index.json', 'text_encoder/config.json', 'unet/config.json', 'vae/config.json'];

let copies = 0;

/** The checkpoint's configurations, some of them changed. */
async function changed(changes: Record<string, object>): Promise<string> {
  const into = join(folder, String(copies++));
  for (const name of [...CONFIGS, 'scheduler/scheduler_config.json']) {
    await mkdir(join(into, name, '..'), { recursive: true });
    await cp(goldenPath('sd15', name), join(into, name));
    const change = changes[name];
    if (!change) continue;
    const config = JSON.parse(await readFile(join(into, name), 'utf8')) as object;
    await writeFile(join(into, name), JSON.stringify({ ...config, ...change }));
  }
  return into;
}

describe('pipeline — a checkpoint of Stable Diffusion 1.5', () => {
  it('pipeline — name, folders and configurations', async () => {
    const pipeline = await openPipeline(goldenPath('sd15'));
    expect(pipeline).toMatchObject({
      name: 'sd15',
      folders: { unet: goldenPath('sd15', 'unet'), vae: goldenPath('sd15', 'vae') },
      family: 'sd',
      textEncoders: [
        {
          part: 'text_encoder',
          tokenizerFolder: goldenPath('sd15', 'tokenizer'),
          config: { hiddenSize: 32, layers: 3, activation: 'quick_gelu', eosTokenId: 2 },
        },
      ],
      unet: { blockOutChannels: [16, 32, 48, 48], heads: [8, 8, 8, 8], normGroups: 8 },
      vae: { blockOutChannels: [16, 16, 32, 32], scalingFactor: 0.18215 },
      scheduler: { _class_name: 'PNDMScheduler', steps_offset: 1, beta_schedule: 'scaled_linear' },
    });
  });

  it('pipeline — its ControlNets are found and fit', async () => {
    const { unet } = await openPipeline(goldenPath('sd15'));
    const entries = await new Library(goldenPath('sd15')).listControlNets();
    expect(entries.map(({ name }) => name)).toEqual(['controlnet-a', 'controlnet-b']);
    for (const { name, path } of entries) {
      const { config, weights } = await openComponent(path);
      assertControlNetFits(name, parseControlNetConfig(join(path, 'config.json'), config), unet);
      expect(weights.index.has('controlnet_mid_block.weight')).toBe(true);
    }
  });

  it('pipeline — of an inpainting UNet', async () => {
    const copy = await changed({ 'unet/config.json': { in_channels: 9 } });
    await expect(openPipeline(copy)).resolves.toMatchObject({ unet: { inChannels: 9 } });
  });

  it('pipeline — a copy of its configurations opens', async () => {
    await expect(openPipeline(await changed({}))).resolves.toMatchObject({ unet: { crossAttentionDim: 32 } });
  });
});

describe('pipeline — a checkpoint of Stable Diffusion XL', () => {
  it('pipeline — two text encoders, and what the UNet is told beside them', async () => {
    const pipeline = await openPipeline(goldenPath('sdxl'));
    expect(pipeline).toMatchObject({
      family: 'sdxl',
      forcesZeros: true,
      textEncoders: [
        { part: 'text_encoder', config: { hiddenSize: 32 } },
        { part: 'text_encoder_2', tokenizerFolder: goldenPath('sdxl', 'tokenizer_2'), config: { projectionDim: 40 } },
      ],
      unet: { added: { width: 136, sizeWidth: 16 } },
      vae: { scalingFactor: 0.13025 },
    });
    expect(sizeCount(pipeline)).toBe(6);
  });
});

describe('pipeline — what cannot be served is named', () => {
  it.each<[string, Record<string, object>, string, RegExp]>([
    [
      'SDXL without its second text encoder',
      { 'model_index.json': { _class_name: 'StableDiffusionXLPipeline' } },
      'CONFIG_INVALID',
      /its text_encoder_2 is missing/,
    ],
    [
      'Flux',
      { 'model_index.json': { _class_name: 'FluxPipeline' } },
      'CONFIG_UNSUPPORTED',
      /"FluxPipeline" \(Flux, a transformer\), which cannot be served; Stable Diffusion 1\.x, 2\.x and XL/,
    ],
    [
      'Stable Diffusion 3',
      { 'model_index.json': { _class_name: 'StableDiffusion3Pipeline' } },
      'CONFIG_UNSUPPORTED',
      /Stable Diffusion 3, a transformer/,
    ],
    [
      'a class that nobody knows',
      { 'model_index.json': { _class_name: 'TomorrowPipeline' } },
      'CONFIG_UNSUPPORTED',
      /"TomorrowPipeline", which cannot be served/,
    ],
    ['no UNet', { 'model_index.json': { unet: [null, null] } }, 'CONFIG_INVALID', /its unet is missing/],
    [
      'another VAE',
      { 'model_index.json': { vae: ['diffusers', 'AsymmetricAutoencoderKL'] } },
      'CONFIG_UNSUPPORTED',
      /AsymmetricAutoencoderKL/,
    ],
    [
      'another text width',
      { 'unet/config.json': { cross_attention_dim: 64 } },
      'CONFIG_INVALID',
      /32 numbers per token, the UNet takes 64/,
    ],
    ['a depth model', { 'unet/config.json': { in_channels: 5 } }, 'CONFIG_INVALID', /maps 5 to 4 channels.*a depth/],
    [
      'the UNet of SDXL beside one text encoder',
      {
        'unet/config.json': {
          addition_embed_type: 'text_time',
          addition_time_embed_dim: 16,
          projection_class_embeddings_input_dim: 136,
        },
      },
      'CONFIG_INVALID',
      /takes a pooled text, which only SDXL has/,
    ],
  ])('pipeline — %s', async (_, changes, code, message) => {
    const opened = openPipeline(await changed(changes));
    await expect(opened).rejects.toMatchObject({ code });
    await expect(opened).rejects.toThrow(message);
  });

  it('pipeline — a folder that is no checkpoint says which file is missing', async () => {
    await expect(openPipeline(folder)).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringMatching(/is no checkpoint: a folder with a model_index\.json/),
    });
  });
});
