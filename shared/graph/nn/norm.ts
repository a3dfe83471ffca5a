/** Normalisations with learned scale and offset. */
import type { GraphBuilder } from '../builder.ts';
import { instanceNormalization, layerNormalization } from '../ops/dense.ts';
import { add, mul } from '../ops/elementwise.ts';
import { reshape } from '../ops/layout.ts';
import type { Value } from '../value.ts';

/** How a group norm is built. */
export interface GroupNormOptions {
  readonly groups: number;
  readonly epsilon: number;
}

/**
 * Group norm: an instance norm in which the channels of a group count as one.
 *
 * x  f32 [B, C, H, W]
 */
export function groupNorm(g: GraphBuilder, x: Value, name: string, { groups, epsilon }: GroupNormOptions): Value {
  const [batch, channels] = x.shape as [number, number];
  return g.scope(name, () => {
    if (channels % groups !== 0) throw g.wrongShape('the channels do not divide into groups', { x: x.shape, groups });
    const elementsPerGroup = (channels / groups) * x.shape[2]! * x.shape[3]!;
    const grouped = reshape(g, x, [batch, groups, elementsPerGroup]);
    const normed = reshape(g, instanceNormalization(g, grouped, epsilon), x.shape);
    const perChannel = { viewedAs: [channels, 1, 1] };
    const scaled = mul(g, normed, g.weight('weight', [channels], perChannel));
    return add(g, scaled, g.weight('bias', [channels], perChannel));
  });
}

/** Layer norm over the last axis. */
export function layerNorm(g: GraphBuilder, x: Value, name: string, epsilon: number): Value {
  const width = x.shape.at(-1)!;
  return g.scope(name, () => {
    const parameters = { weight: g.weight('weight', [width]), bias: g.weight('bias', [width]) };
    return layerNormalization(g, x, parameters, epsilon);
  });
}
