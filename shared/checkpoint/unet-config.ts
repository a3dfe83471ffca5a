/** `config.json` of UNet2DConditionModel and ControlNetModel. Defaults are those of diffusers. */
import type { AddedEmbedding, ControlNetConfig, EncoderConfig, UnetConfig } from '#shared/tensor/network-config.ts';
import { ConfigReader } from './config-reader.ts';
import type { JsonRecord } from './json-file.ts';
import { CHANNELS, requireDivisible, requireSameLength } from './network-limits.ts';
import { parseDownBlocks, parseMiddle, parseUpBlocks } from './unet-blocks.ts';

const DEFAULT_CHANNELS = [320, 640, 1280, 1280];

/** Keys that build another network, and the values with which they do not. Null always does not. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  act_fn: ['silu'],
  attention_type: ['default'],
  center_input_sample: [false],
  class_embed_type: [],
  class_embeddings_concat: [false],
  conv_in_kernel: [3],
  conv_out_kernel: [3],
  cross_attention_norm: [],
  downsample_padding: [1],
  dual_cross_attention: [false],
  encoder_hid_dim: [],
  encoder_hid_dim_type: [],
  global_pool_conditions: [false],
  mid_block_only_cross_attention: [false],
  mid_block_scale_factor: [1],
  num_attention_heads: [],
  num_class_embeds: [],
  only_cross_attention: [false],
  resnet_out_scale_factor: [1],
  resnet_skip_time_act: [false],
  resnet_time_scale_shift: ['default'],
  time_embedding_act_fn: [],
  time_embedding_dim: [],
  time_embedding_type: ['positional'],
  timestep_post_act: [],
};

/** Of image conditioning, which is refused above; dropout (training only), and precision (everything is computed in f32). */
const IGNORED = ['addition_embed_type_num_heads', 'dropout', 'upcast_attention'] as const;

/**
 * Configuration of a UNet.
 * @throws MeshError CONFIG_INVALID, CONFIG_UNSUPPORTED naming the key.
 */
export function parseUnetConfig(path: string, config: JsonRecord): UnetConfig {
  const reader = new ConfigReader(path, config);
  reader.className('_class_name', ['UNet2DConditionModel']);
  const encoder = parseEncoder(reader);
  const unet = {
    ...encoder,
    upBlocks: parseUpBlocks(reader, encoder.blockOutChannels),
    outChannels: reader.integer('out_channels', CHANNELS, 4),
    sampleSize: reader.integer('sample_size', { min: 1, max: 1024 }, 64),
    ...parseGuidanceWidth(reader),
  };
  reader.finish();
  return unet;
}

/**
 * Configuration of a ControlNet.
 * @throws MeshError CONFIG_INVALID, CONFIG_UNSUPPORTED naming the key.
 */
export function parseControlNetConfig(path: string, config: JsonRecord): ControlNetConfig {
  const reader = new ConfigReader(path, config);
  reader.className('_class_name', ['ControlNetModel']);
  const channels = reader.integers('conditioning_embedding_out_channels', CHANNELS, [16, 32, 96, 256]);
  const controlNet = {
    ...parseEncoder(reader),
    conditioningEmbeddingOutChannels: channels,
    conditioningChannels: reader.integer('conditioning_channels', CHANNELS, 3),
    conditioningChannelOrder: reader.oneOf('controlnet_conditioning_channel_order', ['rgb', 'bgr'], 'rgb'),
  };
  reader.finish();
  return controlNet;
}

function parseEncoder(reader: ConfigReader): EncoderConfig {
  for (const [key, neutral] of Object.entries(NEUTRAL)) reader.only(key, neutral);
  reader.ignore(...IGNORED);
  const blockOutChannels = reader.integers('block_out_channels', CHANNELS, DEFAULT_CHANNELS);
  const normGroups = reader.integer('norm_num_groups', CHANNELS, 32);
  requireDivisible(reader, 'norm_num_groups', blockOutChannels, normGroups);
  return {
    inChannels: reader.integer('in_channels', CHANNELS, 4),
    blockOutChannels,
    downBlocks: parseDownBlocks(reader, blockOutChannels),
    middle: parseMiddle(reader, blockOutChannels),
    heads: parseHeads(reader, blockOutChannels),
    crossAttentionDim: reader.integer('cross_attention_dim', CHANNELS, 1280),
    normGroups,
    normEps: reader.number('norm_eps', 1e-5),
    useLinearProjection: reader.boolean('use_linear_projection', false),
    flipSinToCos: reader.boolean('flip_sin_to_cos', true),
    freqShift: reader.integer('freq_shift', { min: 0, max: 1 }, 0),
    downsamplePadding: 1,
    ...parseAdded(reader),
  };
}

/**
 * `attention_head_dim` is the *number* of heads in 1.x and 2.x: diffusers named it wrongly and kept it for old files,
 * https://github.com/huggingface/diffusers/issues/2011#issuecomment-1547958131
 */
function parseHeads(reader: ConfigReader, channels: readonly number[]): readonly number[] {
  const key = 'attention_head_dim';
  const isList = Array.isArray(reader.value(key));
  const heads = isList ? reader.integers(key, CHANNELS) : channels.map(() => reader.integer(key, CHANNELS, 8));
  requireSameLength(reader, key, heads, channels);
  for (const [block, count] of heads.entries()) requireDivisible(reader, key, [channels[block]!], count);
  return heads;
}

/** `text_time` is SDXL's. Its widths mean nothing, and may stand there, without it. */
function parseAdded(reader: ConfigReader): { added?: AddedEmbedding } {
  const isText = reader.value('addition_embed_type') !== undefined;
  if (!isText) {
    reader.ignore('addition_time_embed_dim', 'projection_class_embeddings_input_dim');
    return {};
  }
  reader.oneOf('addition_embed_type', ['text_time']);
  const width = reader.integer('projection_class_embeddings_input_dim', CHANNELS);
  return { added: { width, sizeWidth: reader.integer('addition_time_embed_dim', CHANNELS) } };
}

function parseGuidanceWidth(reader: ConfigReader): { guidanceWidth?: number } {
  const key = 'time_cond_proj_dim';
  return reader.value(key) === undefined ? {} : { guidanceWidth: reader.integer(key, CHANNELS) };
}
