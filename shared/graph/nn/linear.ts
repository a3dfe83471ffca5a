/** Linear layers. */
import { elementCount } from '#shared/tensor/tensor.ts';
import type { GraphBuilder } from '../builder.ts';
import { gemm } from '../ops/dense.ts';
import { add } from '../ops/elementwise.ts';
import { reshape } from '../ops/layout.ts';
import type { Value } from '../value.ts';
import type { Rows } from '../weight-part.ts';

/** How a linear layer is built. */
export interface LinearOptions {
  /** Output features of the whole weight. */
  readonly features: number;
  readonly hasBias?: boolean;
  /** The output features to compute, if not all. */
  readonly rows?: Rows;
}

/**
 * x · weightᵀ + bias over the last axis, by the weights `<name>.weight` and `<name>.bias`, and its side branch.
 *
 * x        f32 [..., I]
 * returns  f32 [..., features], or as many as `rows` names
 */
export function linear(g: GraphBuilder, x: Value, name: string, options: LinearOptions): Value {
  const { features, hasBias = true, rows } = options;
  return g.scope(name, () => {
    const inFeatures = x.shape.at(-1)!;
    const weight = g.adaptableWeight('weight', [features, inFeatures], rows);
    const bias = hasBias ? g.weight('bias', [features], rows ? { rows } : {}) : undefined;
    const flat = x.shape.length === 2 ? x : reshape(g, x, [elementCount(x.shape) / inFeatures, inFeatures]);
    const whole = gemm(g, flat, weight, bias);
    const branch = g.branch('weight', [features, inFeatures], rows);
    const y = branch ? add(g, whole, gemm(g, gemm(g, flat, branch.down), branch.up)) : whole;
    return x.shape.length === 2 ? y : reshape(g, y, x.shape.with(-1, weight.shape[0]!));
  });
}
