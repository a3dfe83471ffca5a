import { describe, expect, it } from 'vitest';
import { parseClipTextConfig } from '#shared/checkpoint/clip-text-config.ts';
import { assertControlNetFits } from '#shared/checkpoint/controlnet-fit.ts';
import { parseControlNetConfig, parseUnetConfig } from '#shared/checkpoint/unet-config.ts';
import { parseVaeConfig } from '#shared/checkpoint/vae-config.ts';
import type { ErrorCode } from '#shared/errors/errors.ts';

/** Of Stable Diffusion 1.5, as it is published. */
const UNET = {
  _class_name: 'UNet2DConditionModel',
  _diffusers_version: '0.6.0',
  act_fn: 'silu',
  attention_head_dim: 8,
  block_out_channels: [320, 640, 1280, 1280],
  center_input_sample: false,
  cross_attention_dim: 768,
  down_block_types: ['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'],
  downsample_padding: 1,
  flip_sin_to_cos: true,
  freq_shift: 0,
  in_channels: 4,
  layers_per_block: 2,
  mid_block_scale_factor: 1,
  norm_eps: 1e-5,
  norm_num_groups: 32,
  out_channels: 4,
  sample_size: 64,
  up_block_types: ['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'],
};

/** Every key that newer versions of diffusers write for the same network. */
const NEWER_KEYS = {
  addition_embed_type: null,
  addition_embed_type_num_heads: 64,
  attention_type: 'default',
  class_embed_type: null,
  class_embeddings_concat: false,
  conv_in_kernel: 3,
  conv_out_kernel: 3,
  dropout: 0.0,
  dual_cross_attention: false,
  encoder_hid_dim: null,
  mid_block_only_cross_attention: null,
  mid_block_type: 'UNetMidBlock2DCrossAttn',
  num_attention_heads: null,
  only_cross_attention: false,
  resnet_out_scale_factor: 1.0,
  resnet_time_scale_shift: 'default',
  time_embedding_type: 'positional',
  transformer_layers_per_block: 1,
  upcast_attention: true,
  use_linear_projection: false,
};

const BLOCKS_OF_XL = {
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
  block_out_channels: [320, 640, 1280],
  attention_head_dim: [5, 10, 20],
};

const unet = (changes: object = {}) => parseUnetConfig('/m/unet/config.json', { ...UNET, ...changes });

describe('config — the UNet', () => {
  it('config — Stable Diffusion 1.5 as published', () => {
    expect(unet()).toEqual({
      inChannels: 4,
      outChannels: 4,
      blockOutChannels: [320, 640, 1280, 1280],
      downBlocks: [
        [1, 1],
        [1, 1],
        [1, 1],
        [0, 0],
      ],
      middle: { kind: 'cross', depth: 1 },
      upBlocks: [
        [0, 0, 0],
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
      ],
      heads: [8, 8, 8, 8],
      crossAttentionDim: 768,
      normGroups: 32,
      normEps: 1e-5,
      useLinearProjection: false,
      flipSinToCos: true,
      freqShift: 0,
      downsamplePadding: 1,
      sampleSize: 64,
    });
  });

  it('config — keys that newer versions add change nothing', () => {
    expect(unet(NEWER_KEYS)).toEqual(unet());
  });

  it('config — absent keys have the defaults of diffusers', () => {
    const sparse = parseUnetConfig('x', { _class_name: 'UNet2DConditionModel', cross_attention_dim: 768 });
    expect(sparse).toEqual(unet());
  });

  it('config — Stable Diffusion 2 has heads per block and linear projections', () => {
    const changes = { attention_head_dim: [5, 10, 20, 20], use_linear_projection: true, cross_attention_dim: 1024 };
    expect(unet(changes)).toMatchObject({ heads: [5, 10, 20, 20], useLinearProjection: true, crossAttentionDim: 1024 });
  });

  it.each<[string, unknown, ErrorCode]>([
    ['addition_embed_type', 'text_image', 'CONFIG_UNSUPPORTED'],
    ['mid_block_type', 'UNetMidBlock2DSimpleCrossAttn', 'CONFIG_UNSUPPORTED'],
    ['center_input_sample', true, 'CONFIG_UNSUPPORTED'],
    ['class_embed_type', 'timestep', 'CONFIG_UNSUPPORTED'],
    ['down_block_types', ['AttnDownBlock2D', 'DownBlock2D', 'DownBlock2D', 'DownBlock2D'], 'CONFIG_UNSUPPORTED'],
    ['dual_cross_attention', true, 'CONFIG_UNSUPPORTED'],
    ['encoder_hid_dim', 1024, 'CONFIG_UNSUPPORTED'],
    ['mid_block_scale_factor', 1.5, 'CONFIG_UNSUPPORTED'],
    ['only_cross_attention', [true, false, false, false], 'CONFIG_UNSUPPORTED'],
    ['resnet_time_scale_shift', 'scale_shift', 'CONFIG_UNSUPPORTED'],
    ['time_cond_proj_dim', -1, 'CONFIG_INVALID'],
    ['transformer_layers_per_block', [1, 2, 10], 'CONFIG_INVALID'],
    ['transformer_layers_per_block', [[1, 1, 1], 2, 10, 1], 'CONFIG_INVALID'],
    ['transformer_layers_per_block', 1e6, 'CONFIG_INVALID'],
    ['reverse_transformer_layers_per_block', [1, 2], 'CONFIG_INVALID'],
    ['something_of_tomorrow', 3, 'CONFIG_UNSUPPORTED'],
    ['attention_head_dim', 7, 'CONFIG_INVALID'],
    ['attention_head_dim', [8, 8], 'CONFIG_INVALID'],
    ['block_out_channels', [320, 640], 'CONFIG_INVALID'],
    ['block_out_channels', [1e9, 1e9, 1e9, 1e9], 'CONFIG_INVALID'],
    ['layers_per_block', [2, 2, 2], 'CONFIG_INVALID'],
    ['layers_per_block', 1e6, 'CONFIG_INVALID'],
    ['norm_num_groups', 7, 'CONFIG_INVALID'],
    ['flip_sin_to_cos', 'yes', 'CONFIG_INVALID'],
    ['norm_eps', '1e-5', 'CONFIG_INVALID'],
  ])('config — %s = %j is refused by name', (key, value, code) => {
    const refused = expect.objectContaining({ code, message: expect.stringContaining('/m/unet/config.json') });
    expect(() => unet({ [key]: value })).toThrow(refused);
    const named = key === 'block_out_channels' ? /block_out_channels|down_block_types/ : new RegExp(key);
    expect(() => unet({ [key]: value })).toThrow(named);
  });

  it('config — Stable Diffusion XL has transformers of several blocks, and an added embedding', () => {
    const xl = {
      ...BLOCKS_OF_XL,
      addition_embed_type: 'text_time',
      addition_time_embed_dim: 256,
      projection_class_embeddings_input_dim: 2816,
      transformer_layers_per_block: [1, 2, 10],
    };
    expect(unet(xl)).toMatchObject({
      downBlocks: [
        [0, 0],
        [2, 2],
        [10, 10],
      ],
      middle: { kind: 'cross', depth: 10 },
      upBlocks: [
        [10, 10, 10],
        [2, 2, 2],
        [0, 0, 0],
      ],
      added: { width: 2816, sizeWidth: 256 },
    });
  });

  it('config — SSD-1B has transformers of its own in each layer, others on the way up, and a plain middle', () => {
    const ssd = {
      ...BLOCKS_OF_XL,
      mid_block_type: 'UNetMidBlock2D',
      transformer_layers_per_block: [1, [2, 2], [4, 4]],
      reverse_transformer_layers_per_block: [[4, 4, 10], [2, 1, 1], 1],
    };
    expect(unet(ssd)).toMatchObject({
      downBlocks: [
        [0, 0],
        [2, 2],
        [4, 4],
      ],
      middle: { kind: 'resnet' },
      upBlocks: [
        [4, 4, 10],
        [2, 1, 1],
        [0, 0, 0],
      ],
    });
  });

  it('config — BK-SDM has fewer layers, and no middle where it is null', () => {
    expect(unet({ layers_per_block: 1, mid_block_type: null })).toMatchObject({
      downBlocks: [[1], [1], [1], [0]],
      middle: { kind: 'none' },
      upBlocks: [
        [0, 0],
        [1, 1],
        [1, 1],
        [1, 1],
      ],
    });
  });

  it('config — a UNet that reads the guidance scale says how wide', () => {
    expect(unet({ time_cond_proj_dim: 256 })).toMatchObject({ guidanceWidth: 256 });
  });

  it('config — the folder of another network is named', () => {
    expect(() => unet({ _class_name: 'AutoencoderKL' })).toThrow(
      /is of class "AutoencoderKL", UNet2DConditionModel is needed/,
    );
  });
});

describe('config — ControlNet', () => {
  const { out_channels: _, sample_size: __, up_block_types: ___, ...shared } = UNET;
  const controlNet = (changes: object = {}) =>
    parseControlNetConfig('/m/canny/config.json', { ...shared, _class_name: 'ControlNetModel', ...changes });

  it('config — has the encoder of its UNet, and a hint', () => {
    expect(controlNet()).toMatchObject({
      blockOutChannels: [320, 640, 1280, 1280],
      conditioningEmbeddingOutChannels: [16, 32, 96, 256],
      conditioningChannelOrder: 'rgb',
    });
    expect(() => assertControlNetFits('canny', controlNet(), unet())).not.toThrow();
    expect(() => assertControlNetFits('canny', controlNet(), unet({ in_channels: 9 }))).not.toThrow();
  });

  it('config — one for another base is refused with the numbers that differ', () => {
    expect(() => assertControlNetFits('canny', controlNet({ cross_attention_dim: 1024 }), unet())).toThrow(
      expect.objectContaining({
        code: 'CONTROLNET_MISMATCH',
        message: expect.stringMatching(/canny.*crossAttentionDim is 1024, the model has 768/),
      }),
    );
  });

  it('config — global pooling is refused', () => {
    expect(() => controlNet({ global_pool_conditions: true })).toThrow(/global_pool_conditions/);
  });
});

describe('config — VAE', () => {
  const blocks = {
    down_block_types: Array(4).fill('DownEncoderBlock2D'),
    up_block_types: Array(4).fill('UpDecoderBlock2D'),
  };
  const vae = (changes: object = {}) =>
    parseVaeConfig('/m/vae/config.json', {
      _class_name: 'AutoencoderKL',
      block_out_channels: [128, 256, 512, 512],
      layers_per_block: 2,
      ...blocks,
      ...changes,
    });

  it('config — the scaling factor of Stable Diffusion 1.5 is not in its file', () => {
    expect(vae()).toMatchObject({ scalingFactor: 0.18215, latentChannels: 4, normGroups: 32, hasQuantConv: true });
    expect(vae({ scaling_factor: 0.13025, force_upcast: false })).toMatchObject({ scalingFactor: 0.13025 });
  });

  it.each([
    { shift_factor: 0.1159 },
    { latents_mean: [0, 0] },
    { mid_block_add_attention: false },
    { use_quant_conv: false },
  ])('config — %j is refused', (changes) => {
    expect(() => vae(changes)).toThrow(expect.objectContaining({ code: 'CONFIG_UNSUPPORTED' }));
  });
});

describe('config — CLIP text model', () => {
  const text = (changes: object = {}) =>
    parseClipTextConfig('/m/text_encoder/config.json', {
      architectures: ['CLIPTextModel'],
      model_type: 'clip_text_model',
      hidden_size: 768,
      intermediate_size: 3072,
      num_attention_heads: 12,
      ...changes,
    });

  it('config — Stable Diffusion 1.5', () => {
    expect(text({ eos_token_id: 2, top_k: 50, torchscript: false })).toEqual({
      hiddenSize: 768,
      intermediateSize: 3072,
      layers: 12,
      heads: 12,
      vocabSize: 49_408,
      maxPositions: 77,
      activation: 'quick_gelu',
      layerNormEps: 1e-5,
      eosTokenId: 2,
    });
  });

  it.each([{ hidden_act: 'relu' }, { model_type: 't5' }])('config — %j is refused', (changes) => {
    expect(() => text(changes)).toThrow(expect.objectContaining({ code: 'CONFIG_UNSUPPORTED' }));
  });

  it('config — another architecture is named', () => {
    expect(() => text({ architectures: ['T5EncoderModel'] })).toThrow(/T5EncoderModel/);
  });
});
