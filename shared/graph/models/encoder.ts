/**
 * The way down and the middle, which UNet and ControlNet have in common.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/unets/unet_2d_blocks.py
 */
import type { EncoderConfig } from '#shared/tensor/network-config.ts';
import type { GraphBuilder } from '../builder.ts';
import { downsample } from '../nn/conv.ts';
import { resnet } from '../nn/resnet.ts';
import { transformer } from '../nn/transformer.ts';
import { identity } from '../ops/layout.ts';
import type { Value } from '../value.ts';
import type { PromptedSize } from './variant.ts';

/** What the blocks of one network see besides their input. */
export interface BlockContext {
  readonly config: EncoderConfig;
  /** SiLU of the time embedding, f32 [1 or B, 4·C]. */
  readonly activatedTime: Value;
  /** f32 [B, T, D] */
  readonly prompt: Value;
}

/** What the way down leaves. */
export interface Encoded {
  readonly skips: readonly Value[];
  readonly mid: Value;
}

/** The embeddings that cross attention reads, f32 [B, T, D]. */
export function promptInput(g: GraphBuilder, config: EncoderConfig, size: { batch: number; tokens: number }): Value {
  return g.input('prompt_embeds', 'f32', [size.batch, size.tokens, config.crossAttentionDim]);
}

/** `latents` f32 [B, channels, h, w] */
export function latentsInput(g: GraphBuilder, channels: number, { batch, height, width }: PromptedSize): Value {
  return g.input('latents', 'f32', [batch, channels, height, width]);
}

/** Runs the down blocks and the middle on what `conv_in` made of the latents. */
export function encode(g: GraphBuilder, sample: Value, context: BlockContext): Encoded {
  const { config } = context;
  const skips = [sample];
  for (const [block, channels] of config.blockOutChannels.entries()) {
    g.scope(`down_blocks.${block}`, () => {
      const heads = config.heads[block]!;
      for (const [layer, depth] of config.downBlocks[block]!.entries()) {
        skips.push(blockLayer(g, skips.at(-1)!, { layer, channels, heads, depth }, context));
      }
      const isLast = block === config.blockOutChannels.length - 1;
      if (!isLast) skips.push(downsample(g, skips.at(-1)!, 'downsamplers.0', config.downsamplePadding));
    });
  }
  return { skips, mid: g.scope('mid_block', () => middleBlock(g, skips.at(-1)!, context)) };
}

interface BlockLayer {
  readonly layer: number;
  readonly channels: number;
  readonly heads: number;
  /** Transformer blocks behind the resnet; 0 where there is no transformer. */
  readonly depth: number;
}

/** A resnet and, in cross blocks, a transformer. */
export function blockLayer(g: GraphBuilder, x: Value, layerOf: BlockLayer, context: BlockContext): Value {
  const { layer, channels, heads, depth } = layerOf;
  const { config, activatedTime, prompt } = context;
  const norm = { groups: config.normGroups, epsilon: config.normEps };
  const hidden = resnet(g, x, `resnets.${layer}`, { channels, norm, activatedTime });
  if (depth === 0) return hidden;
  const { normGroups, useLinearProjection } = config;
  return transformer(g, hidden, `attentions.${layer}`, {
    context: prompt,
    heads,
    depth,
    normGroups,
    useLinearProjection,
  });
}

/** A network without a middle hands on its last skip, under the middle's name. */
function middleBlock(g: GraphBuilder, x: Value, context: BlockContext): Value {
  const { middle, heads } = context.config;
  if (middle.kind === 'none') return identity(g, x);
  const layer = { channels: x.shape[1]!, heads: heads.at(-1)! };
  const depth = middle.kind === 'cross' ? middle.depth : 0;
  const mixed = blockLayer(g, x, { ...layer, layer: 0, depth }, context);
  return middle.kind === 'cross' ? blockLayer(g, mixed, { ...layer, layer: 1, depth: 0 }, context) : mixed;
}
