/**
 * The way down and the middle, which UNet and ControlNet have in common.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/unets/unet_2d_blocks.py
 */
import type { EncoderConfig } from '#shared/tensor/network-config.ts';
import type { GraphBuilder } from '../builder.ts';
import { downsample } from '../nn/conv.ts';
import { resnet } from '../nn/resnet.ts';
import { timestepEmbedding } from '../nn/timestep-embedding.ts';
import { transformer } from '../nn/transformer.ts';
import type { Value } from '../value.ts';
import type { PromptedSize } from './variant.ts';

/** What the blocks of one network see besides their input. */
export interface BlockContext {
  readonly config: EncoderConfig;
  /** SiLU of the time embedding, f32 [1, 4·C]. */
  readonly activatedTime: Value;
  /** f32 [B, T, D] */
  readonly prompt: Value;
}

/** What the way down leaves. */
export interface Encoded {
  readonly skips: readonly Value[];
  readonly mid: Value;
}

/** See {@link encoderInputs}. */
export interface EncoderInputs {
  /** f32 [B, 4, h, w] */
  readonly latents: Value;
  /** f32 [1] */
  readonly timestep: Value;
  /** f32 [B, T, D] */
  readonly prompt: Value;
}

/** The graph inputs that UNet and ControlNet begin with. */
export function encoderInputs(g: GraphBuilder, config: EncoderConfig, size: PromptedSize): EncoderInputs {
  const { batch, height, width, tokens } = size;
  return {
    latents: g.input('latents', 'f32', [batch, config.inChannels, height, width]),
    timestep: g.input('timestep', 'f32', [1]),
    prompt: promptInput(g, config, { batch, tokens }),
  };
}

/** The embeddings that cross attention reads, f32 [B, T, D]. */
export function promptInput(g: GraphBuilder, config: EncoderConfig, size: { batch: number; tokens: number }): Value {
  return g.input('prompt_embeds', 'f32', [size.batch, size.tokens, config.crossAttentionDim]);
}

/** timestep f32 [1] → f32 [1, 4·C], C being the channels of the first block */
export function embedTime(g: GraphBuilder, timestep: Value, config: EncoderConfig): Value {
  const { flipSinToCos, freqShift, blockOutChannels } = config;
  return timestepEmbedding(g, timestep, 'time_embedding', { width: blockOutChannels[0]!, flipSinToCos, freqShift });
}

/** Runs the down blocks and the middle on what `conv_in` made of the latents. */
export function encode(g: GraphBuilder, sample: Value, context: BlockContext): Encoded {
  const { config } = context;
  const skips = [sample];
  for (const [block, channels] of config.blockOutChannels.entries()) {
    g.scope(`down_blocks.${block}`, () => {
      const heads = config.downBlocks[block] === 'cross' ? config.heads[block]! : undefined;
      for (let layer = 0; layer < config.layersPerBlock; layer++) {
        skips.push(blockLayer(g, skips.at(-1)!, { layer, channels, heads }, context));
      }
      const isLast = block === config.blockOutChannels.length - 1;
      if (!isLast) skips.push(downsample(g, skips.at(-1)!, 'downsamplers.0', config.downsamplePadding));
    });
  }
  return { skips, mid: g.scope('mid_block', () => middle(g, skips.at(-1)!, context)) };
}

interface BlockLayer {
  readonly layer: number;
  readonly channels: number;
  /** Heads of the transformer behind the resnet, if there is one. */
  readonly heads: number | undefined;
}

/** A resnet and, in cross blocks, a transformer. */
export function blockLayer(g: GraphBuilder, x: Value, layerOf: BlockLayer, context: BlockContext): Value {
  const { layer, channels, heads } = layerOf;
  const { config, activatedTime, prompt } = context;
  const norm = { groups: config.normGroups, epsilon: config.normEps };
  const hidden = resnet(g, x, `resnets.${layer}`, { channels, norm, activatedTime });
  if (heads === undefined) return hidden;
  const { normGroups, useLinearProjection } = config;
  return transformer(g, hidden, `attentions.${layer}`, { context: prompt, heads, normGroups, useLinearProjection });
}

function middle(g: GraphBuilder, x: Value, context: BlockContext): Value {
  const channels = x.shape[1]!;
  const heads = context.config.heads.at(-1)!;
  const mixed = blockLayer(g, x, { layer: 0, channels, heads }, context);
  return blockLayer(g, mixed, { layer: 1, channels, heads: undefined }, context);
}
