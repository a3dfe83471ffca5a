/** `config.json` of AutoencoderKL and AutoencoderTiny. Defaults are those of diffusers. */
import type { VaeConfig } from '#shared/tensor/network-config.ts';
import { ConfigReader } from './config-reader.ts';
import type { JsonRecord } from './json-file.ts';
import { CHANNELS, LAYERS, requireDivisible, requireSameLength } from './network-limits.ts';

/**
 * Configuration of a VAE.
 * @throws MeshError CONFIG_INVALID, CONFIG_UNSUPPORTED naming the key.
 */
export function parseVaeConfig(path: string, config: JsonRecord): VaeConfig {
  const reader = new ConfigReader(path, config);
  reader.className('_class_name', ['AutoencoderKL', 'AutoencoderTiny']);
  if (config._class_name === 'AutoencoderTiny') return parseTiny(reader);
  refuseOtherVaes(reader);
  const blockOutChannels = reader.integers('block_out_channels', CHANNELS, [64]);
  checkBlocks(reader, blockOutChannels);
  const normGroups = reader.integer('norm_num_groups', CHANNELS, 32);
  requireDivisible(reader, 'norm_num_groups', blockOutChannels, normGroups);
  const vae = {
    inChannels: reader.integer('in_channels', CHANNELS, 3),
    outChannels: reader.integer('out_channels', CHANNELS, 3),
    latentChannels: reader.integer('latent_channels', CHANNELS, 4),
    blockOutChannels,
    layersPerBlock: reader.integer('layers_per_block', LAYERS, 1),
    normGroups,
    scalingFactor: reader.number('scaling_factor', 0.18215),
    hasQuantConv: parseQuantConv(reader),
  };
  reader.finish();
  return vae;
}

function parseTiny(reader: ConfigReader): VaeConfig {
  reader.only('act_fn', ['relu']);
  reader.only('upsample_fn', ['nearest']);
  reader.only('upsampling_scaling_factor', [2]);
  reader.only('shift_factor', [0]);
  // Of pictures that latents are stored as, precision, and what diffusers derives from the rest.
  reader.ignore('latent_magnitude', 'latent_shift', 'force_upcast', 'block_out_channels');
  const half = (name: 'encoder' | 'decoder', defaultBlocks: readonly number[]) => {
    const channels = reader.integers(`${name}_block_out_channels`, CHANNELS, [64, 64, 64, 64]);
    const blocks = reader.integers(`num_${name}_blocks`, LAYERS, defaultBlocks);
    if (blocks.length !== channels.length) throw reader.invalid(`num_${name}_blocks`, `${channels.length} long`);
    return { channels, blocks };
  };
  const tiny = { encoder: half('encoder', [1, 3, 3, 3]), decoder: half('decoder', [3, 3, 3, 1]) };
  const vae = {
    inChannels: reader.integer('in_channels', CHANNELS, 3),
    outChannels: reader.integer('out_channels', CHANNELS, 3),
    latentChannels: reader.integer('latent_channels', CHANNELS, 4),
    blockOutChannels: tiny.encoder.channels,
    layersPerBlock: 0,
    normGroups: 1,
    scalingFactor: reader.number('scaling_factor', 1),
    hasQuantConv: false,
    tiny,
  };
  reader.finish();
  return vae;
}

function refuseOtherVaes(reader: ConfigReader): void {
  reader.only('act_fn', ['silu']);
  reader.only('shift_factor', [0]);
  reader.only('latents_mean', []);
  reader.only('latents_std', []);
  reader.only('mid_block_add_attention', [true]);
  // Precision, and the picture size of the training.
  reader.ignore('force_upcast', 'sample_size');
}

function checkBlocks(reader: ConfigReader, channels: readonly number[]): void {
  const down = reader.words('down_block_types', { DownEncoderBlock2D: true }, ['DownEncoderBlock2D']);
  const up = reader.words('up_block_types', { UpDecoderBlock2D: true }, ['UpDecoderBlock2D']);
  requireSameLength(reader, 'down_block_types', down, channels);
  requireSameLength(reader, 'up_block_types', up, channels);
}

function parseQuantConv(reader: ConfigReader): boolean {
  const quant = reader.boolean('use_quant_conv', true);
  if (reader.boolean('use_post_quant_conv', true) !== quant) {
    throw reader.unsupported('use_post_quant_conv', 'it has to equal use_quant_conv');
  }
  return quant;
}
