/**
 * The autoencoder between pictures and latents. Nothing patches it and convolutions are nearly all of its work, so its
 * weights are constants: onnxruntime packs them, which makes it a seventh faster.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/autoencoders/vae.py
 */
import type { VaeConfig } from '#shared/tensor/network-config.ts';
import type { WeightSource } from '#shared/tensor/weight.ts';
import { CONSTANT, GraphBuilder } from '../builder.ts';
import type { GraphModel } from '../graph-model.ts';
import { type AttentionNames, attention } from '../nn/attention.ts';
import { conv2d, downsample, upsample } from '../nn/conv.ts';
import { groupNorm } from '../nn/norm.ts';
import { resnet } from '../nn/resnet.ts';
import { pixelsToTokens, tokensToPixels } from '../nn/tokens.ts';
import { add, clip, scale, shift, silu } from '../ops/elementwise.ts';
import { split } from '../ops/layout.ts';
import type { Value } from '../value.ts';
import { tinyDecode, tinyEncode } from './tiny-vae.ts';
import { type GraphVariant, graphName, type LatentSize } from './variant.ts';

const NORM_EPSILON = 1e-6;

/** The strided convolutions see one more row and column of zeros, below and on the right. */
const DOWNSAMPLE_PADDING = { top: 0, left: 0, bottom: 1, right: 1 } as const;

/** What the posterior's log variance is cut to. */
const LOGVAR_RANGE = [-30, 20] as const;

const ATTENTION: AttentionNames = { query: 'to_q', key: 'to_k', value: 'to_v', out: 'to_out.0', hasBias: true };

/** Pixels along an edge for each latent pixel. */
export function vaeFactor({ blockOutChannels }: VaeConfig): number {
  return 2 ** (blockOutChannels.length - 1);
}

/**
 * Latents to pictures.
 *
 * latents   f32 [B, 4, h, w], as the UNet has them: the graph divides by the scaling factor
 * returns   `pixels` f32 [B, 3, H, W], about −1…1, not cut
 * @throws MeshError WEIGHT_MISSING, WRONG_SHAPE with the path of the weight or module
 */
export function vaeDecode(
  config: VaeConfig,
  source: WeightSource,
  size: LatentSize,
  { weightMode = CONSTANT, taps = [] }: GraphVariant = {},
): GraphModel {
  const g = new GraphBuilder({ name: graphName('vae.decode', size), source, weightMode, taps });
  const { latentChannels: channels } = config;
  const latents = g.input('latents', 'f32', [size.batch, channels, size.height, size.width]);
  const unscaled = scale(g, latents, 1 / config.scalingFactor);
  if (config.tiny) {
    g.output('pixels', tinyDecode(g, unscaled, config.tiny, config.outChannels));
    return g.build();
  }
  const quantized = config.hasQuantConv ? conv2d(g, unscaled, 'post_quant_conv', { channels, kernel: 1 }) : unscaled;
  g.output(
    'pixels',
    g.scope('decoder', () => decode(g, quantized, config)),
  );
  return g.build();
}

/**
 * Pictures to the distribution that their latents are drawn from.
 *
 * pixels    f32 [B, 3, H, W] in −1…1; H and W are the latent size times {@link vaeFactor}
 * returns   `mean`, `logvar` f32 [B, 4, h, w] of the posterior; not multiplied by the scaling factor
 * @throws MeshError WEIGHT_MISSING, WRONG_SHAPE with the path of the weight or module
 */
export function vaeEncode(
  config: VaeConfig,
  source: WeightSource,
  size: LatentSize,
  { weightMode = CONSTANT, taps = [] }: GraphVariant = {},
): GraphModel {
  const g = new GraphBuilder({ name: graphName('vae.encode', size), source, weightMode, taps });
  const factor = vaeFactor(config);
  const shape = [size.batch, config.inChannels, size.height * factor, size.width * factor];
  const pixels = g.input('pixels', 'f32', shape);
  if (config.tiny) {
    const mean = tinyEncode(g, pixels, config.tiny, config.latentChannels);
    g.output('mean', mean);
    g.output('logvar', shift(g, scale(g, mean, 0), LOGVAR_RANGE[0])); // its latents are not drawn
    return g.build();
  }
  const encoded = g.scope('encoder', () => encode(g, pixels, config));
  const channels = 2 * config.latentChannels;
  const moments = config.hasQuantConv ? conv2d(g, encoded, 'quant_conv', { channels, kernel: 1 }) : encoded;
  const [mean, logvar] = split(g, moments, 1, 2) as [Value, Value];
  g.output('mean', mean);
  g.output('logvar', clip(g, logvar, LOGVAR_RANGE));
  return g.build();
}

function decode(g: GraphBuilder, latents: Value, config: VaeConfig): Value {
  const widths = config.blockOutChannels.toReversed();
  let hidden = conv2d(g, latents, 'conv_in', { channels: widths[0]! });
  hidden = g.scope('mid_block', () => middle(g, hidden, config));
  for (const [block, channels] of widths.entries()) {
    g.scope(`up_blocks.${block}`, () => {
      hidden = resnets(g, hidden, { channels, count: config.layersPerBlock + 1 }, config);
      const doubled = [2 * hidden.shape[2]!, 2 * hidden.shape[3]!] as const;
      if (block < widths.length - 1) hidden = upsample(g, hidden, 'upsamplers.0', doubled);
    });
  }
  return head(g, hidden, config, config.outChannels);
}

function encode(g: GraphBuilder, pixels: Value, config: VaeConfig): Value {
  const widths = config.blockOutChannels;
  let hidden = conv2d(g, pixels, 'conv_in', { channels: widths[0]! });
  for (const [block, channels] of widths.entries()) {
    g.scope(`down_blocks.${block}`, () => {
      hidden = resnets(g, hidden, { channels, count: config.layersPerBlock }, config);
      if (block < widths.length - 1) hidden = downsample(g, hidden, 'downsamplers.0', DOWNSAMPLE_PADDING);
    });
  }
  hidden = g.scope('mid_block', () => middle(g, hidden, config));
  return head(g, hidden, config, 2 * config.latentChannels);
}

function resnets(g: GraphBuilder, x: Value, row: { channels: number; count: number }, config: VaeConfig): Value {
  let hidden = x;
  for (let i = 0; i < row.count; i++) {
    hidden = resnet(g, hidden, `resnets.${i}`, { channels: row.channels, norm: normOf(config) });
  }
  return hidden;
}

function middle(g: GraphBuilder, x: Value, config: VaeConfig): Value {
  const options = { channels: x.shape[1]!, norm: normOf(config) };
  const mixed = pixelAttention(g, resnet(g, x, 'resnets.0', options), 'attentions.0', config);
  return resnet(g, mixed, 'resnets.1', options);
}

/** Every pixel attends to every other, in one head. */
function pixelAttention(g: GraphBuilder, x: Value, name: string, config: VaeConfig): Value {
  return g.scope(name, () => {
    const tokens = pixelsToTokens(g, groupNorm(g, x, 'group_norm', normOf(config)));
    const mixed = attention(g, tokens, '', { names: ATTENTION, heads: 1 });
    return add(g, tokensToPixels(g, mixed, x.shape[2]!, x.shape[3]!), x);
  });
}

function head(g: GraphBuilder, x: Value, config: VaeConfig, channels: number): Value {
  return conv2d(g, silu(g, groupNorm(g, x, 'conv_norm_out', normOf(config))), 'conv_out', { channels });
}

function normOf({ normGroups }: VaeConfig) {
  return { groups: normGroups, epsilon: NORM_EPSILON };
}
