/**
 * The residual block that UNet, ControlNet and VAE are made of.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/resnet.py
 */
import type { GraphBuilder } from '../builder.ts';
import { add, silu } from '../ops/elementwise.ts';
import { reshape } from '../ops/layout.ts';
import type { Value } from '../value.ts';
import { conv2d } from './conv.ts';
import { linear } from './linear.ts';
import { type GroupNormOptions, groupNorm } from './norm.ts';

/** How a residual block is built. */
export interface ResnetOptions {
  /** Output channels. */
  readonly channels: number;
  readonly norm: GroupNormOptions;
  /** SiLU of the time embedding, f32 [1 or B, E]; the VAE has none. */
  readonly activatedTime?: Value;
}

/**
 * x        f32 [B, C, H, W]
 * returns  f32 [B, channels, H, W]
 */
export function resnet(g: GraphBuilder, x: Value, name: string, options: ResnetOptions): Value {
  const { channels, norm, activatedTime } = options;
  return g.scope(name, () => {
    let hidden = conv2d(g, silu(g, groupNorm(g, x, 'norm1', norm)), 'conv1', { channels });
    if (activatedTime) {
      const shift = linear(g, activatedTime, 'time_emb_proj', { features: channels });
      hidden = add(g, hidden, reshape(g, shift, [shift.shape[0]!, channels, 1, 1]));
    }
    hidden = conv2d(g, silu(g, groupNorm(g, hidden, 'norm2', norm)), 'conv2', { channels });
    const isSameWidth = x.shape[1] === channels;
    const shortcut = isSameWidth ? x : conv2d(g, x, 'conv_shortcut', { channels, kernel: 1 });
    return add(g, hidden, shortcut);
  });
}
