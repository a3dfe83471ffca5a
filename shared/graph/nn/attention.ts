/** Attention with its four projections. */
import type { GraphBuilder } from '../builder.ts';
import { multiHeadAttention } from '../ops/dense.ts';
import type { Value } from '../value.ts';
import { linear } from './linear.ts';

/** What the projections are called in a checkpoint, and which of them have a bias. */
export interface AttentionNames {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly out: string;
  /** Bias of query, key and value; the way out always has one. */
  readonly hasBias: boolean;
}

/** The transformers of UNet and ControlNet. */
export const UNET_ATTENTION: AttentionNames = {
  query: 'to_q',
  key: 'to_k',
  value: 'to_v',
  out: 'to_out.0',
  hasBias: false,
};

/** How an attention layer is built. */
export interface AttentionOptions {
  readonly names: AttentionNames;
  readonly heads: number;
  /** What is attended to, f32 [B, T, D]; `x` itself by default. */
  readonly context?: Value;
  readonly isCausal?: boolean;
}

/**
 * x        f32 [B, Q, C]
 * returns  the same shape
 */
export function attention(g: GraphBuilder, x: Value, name: string, options: AttentionOptions): Value {
  const { names, heads, context = x, isCausal = false } = options;
  const features = x.shape[2]!;
  return g.scope(name, () => {
    const query = linear(g, x, names.query, { features, hasBias: names.hasBias });
    const key = linear(g, context, names.key, { features, hasBias: names.hasBias });
    const value = linear(g, context, names.value, { features, hasBias: names.hasBias });
    const mixed = multiHeadAttention(g, { query, key, value }, { heads, isCausal });
    return linear(g, mixed, names.out, { features });
  });
}
