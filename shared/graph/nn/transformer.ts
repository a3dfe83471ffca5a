/**
 * The transformer that stands behind a resnet of UNet and ControlNet: pixels attend to each other, then to the prompt.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/transformers/transformer_2d.py
 */
import type { GraphBuilder } from '../builder.ts';
import { add, gelu, mul } from '../ops/elementwise.ts';
import type { Value } from '../value.ts';
import { attention, UNET_ATTENTION } from './attention.ts';
import { conv2d } from './conv.ts';
import { linear } from './linear.ts';
import { groupNorm, layerNorm } from './norm.ts';
import { pixelsToTokens, tokensToPixels } from './tokens.ts';

/** Of the group norm in front; the config's own epsilon is for resnets. */
const GROUP_NORM_EPSILON = 1e-6;
const LAYER_NORM_EPSILON = 1e-5;

/** Width of the feed-forward layer, in widths of the transformer. */
const FEED_FORWARD_FACTOR = 4;

/** How a transformer is built. */
export interface TransformerOptions {
  /** The prompt's embeddings, f32 [B, T, D]. */
  readonly context: Value;
  readonly heads: number;
  /** Transformer blocks in a row. */
  readonly depth: number;
  readonly normGroups: number;
  /** Enter and leave by a linear layer instead of a 1×1 convolution. */
  readonly useLinearProjection: boolean;
}

/**
 * x        f32 [B, C, H, W]
 * returns  the same shape
 */
export function transformer(g: GraphBuilder, x: Value, name: string, options: TransformerOptions): Value {
  const [, channels, height, width] = x.shape as [number, number, number, number];
  const { normGroups: groups, useLinearProjection } = options;
  return g.scope(name, () => {
    const normed = groupNorm(g, x, 'norm', { groups, epsilon: GROUP_NORM_EPSILON });
    const tokens = useLinearProjection
      ? linear(g, pixelsToTokens(g, normed), 'proj_in', { features: channels })
      : pixelsToTokens(g, conv2d(g, normed, 'proj_in', { channels, kernel: 1 }));
    let mixed = tokens;
    for (let block = 0; block < options.depth; block++) {
      mixed = transformerBlock(g, mixed, `transformer_blocks.${block}`, options);
    }
    const out = useLinearProjection
      ? tokensToPixels(g, linear(g, mixed, 'proj_out', { features: channels }), height, width)
      : conv2d(g, tokensToPixels(g, mixed, height, width), 'proj_out', { channels, kernel: 1 });
    return add(g, out, x);
  });
}

function transformerBlock(g: GraphBuilder, x: Value, name: string, options: TransformerOptions): Value {
  const { context, heads } = options;
  const names = UNET_ATTENTION;
  const normed = (input: Value, norm: string) => layerNorm(g, input, norm, LAYER_NORM_EPSILON);
  return g.scope(name, () => {
    const self = add(g, attention(g, normed(x, 'norm1'), 'attn1', { names, heads }), x);
    const cross = add(g, attention(g, normed(self, 'norm2'), 'attn2', { names, heads, context }), self);
    return add(g, feedForward(g, normed(cross, 'norm3'), 'ff'), cross);
  });
}

/**
 * GEGLU: half of the features times GELU of the other half. The halves are two products with the two row-halves of one
 * weight, which saves the copies of a split.
 */
function feedForward(g: GraphBuilder, x: Value, name: string): Value {
  const features = x.shape[2]!;
  const inner = features * FEED_FORWARD_FACTOR;
  return g.scope(name, () => {
    const hidden = linear(g, x, 'net.0.proj', { features: 2 * inner, rows: [0, inner] });
    const gate = linear(g, x, 'net.0.proj', { features: 2 * inner, rows: [inner, 2 * inner] });
    return linear(g, mul(g, hidden, gelu(g, gate)), 'net.2', { features });
  });
}
