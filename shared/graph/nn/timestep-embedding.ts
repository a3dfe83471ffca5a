/**
 * The timestep as a vector: sinusoids of falling frequency, then a small perceptron.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/embeddings.py
 */
import type { GraphBuilder } from '../builder.ts';
import { add, cos, mul, silu, sin } from '../ops/elementwise.ts';
import { concat } from '../ops/layout.ts';
import type { Value } from '../value.ts';
import { linear } from './linear.ts';

/** The longest wave, in training steps over 2π. */
const MAX_PERIOD = 10_000;

/** Width of the embedding, in widths of the sinusoids. */
const EMBEDDING_FACTOR = 4;

/** How the sinusoids are laid out. */
export interface TimestepOptions {
  /** Sinusoids in all: the channels of the first block. */
  readonly width: number;
  readonly flipSinToCos: boolean;
  readonly freqShift: number;
  /** Embedding of the guidance scale, f32 [1, G], in networks distilled to read it. */
  readonly guidance?: Value;
}

/**
 * timestep  f32 [1], in training steps, may be fractional
 * returns   f32 [1, 4·width]
 */
export function timestepEmbedding(g: GraphBuilder, timestep: Value, name: string, options: TimestepOptions): Value {
  const features = options.width * EMBEDDING_FACTOR;
  const sinusoids = timestepSinusoids(g, timestep, options);
  g.tap('time_proj', sinusoids);
  return vectorEmbedding(
    g,
    g.scope(name, () => withGuidance(g, sinusoids, options)),
    name,
    features,
  );
}

/**
 * The small perceptron.
 *
 * x        f32 [B, I], by the weights `<name>.linear_1`, `<name>.linear_2`
 * returns  f32 [B, features]
 */
export function vectorEmbedding(g: GraphBuilder, x: Value, name: string, features: number): Value {
  return g.scope(name, () => linear(g, silu(g, linear(g, x, 'linear_1', { features })), 'linear_2', { features }));
}

function withGuidance(g: GraphBuilder, sinusoids: Value, { width, guidance }: TimestepOptions): Value {
  return guidance
    ? add(g, sinusoids, linear(g, guidance, 'cond_proj', { features: width, hasBias: false }))
    : sinusoids;
}

/** f32 [1] → f32 [1, width] */
function timestepSinusoids(g: GraphBuilder, timestep: Value, options: TimestepOptions): Value {
  const frequencies = sinusoidFrequencies(options);
  const angles = mul(g, timestep, g.constant('f32', [1, frequencies.length], frequencies));
  const [sines, cosines] = [sin(g, angles), cos(g, angles)];
  return concat(g, options.flipSinToCos ? [cosines, sines] : [sines, cosines], 1);
}

function sinusoidFrequencies({ width, freqShift }: TimestepOptions): number[] {
  const half = width / 2;
  return Array.from({ length: half }, (_, i) => Math.exp((-Math.log(MAX_PERIOD) * i) / (half - freqShift)));
}
