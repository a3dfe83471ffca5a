/** The two layouts of one thing: a picture of channels, and a sequence of pixels that transformers read. */
import type { GraphBuilder } from '../builder.ts';
import { reshape, transpose } from '../ops/layout.ts';
import type { Value } from '../value.ts';

/** f32 [B, C, H, W] → f32 [B, H·W, C] */
export function pixelsToTokens(g: GraphBuilder, x: Value): Value {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  return transpose(g, reshape(g, x, [batch, channels, height * width]), [0, 2, 1]);
}

/** f32 [B, H·W, C] → f32 [B, C, H, W] */
export function tokensToPixels(g: GraphBuilder, tokens: Value, height: number, width: number): Value {
  const [batch, , channels] = tokens.shape as [number, number, number];
  return reshape(g, transpose(g, tokens, [0, 2, 1]), [batch, channels, height, width]);
}
