/**
 * CLIP's text model: token ids to embeddings.
 * Source: https://github.com/huggingface/transformers/blob/v4.44.0/src/transformers/models/clip/modeling_clip.py
 */
import type { ClipTextConfig } from '#shared/tensor/network-config.ts';
import type { WeightSource } from '#shared/tensor/weight.ts';
import { FED, GraphBuilder } from '../builder.ts';
import type { GraphModel } from '../graph-model.ts';
import { type AttentionNames, attention } from '../nn/attention.ts';
import { linear } from '../nn/linear.ts';
import { layerNorm } from '../nn/norm.ts';
import { add, equal, gelu, mul, quickGelu, toF32 } from '../ops/elementwise.ts';
import { argMax, gather, reshape } from '../ops/layout.ts';
import type { Value } from '../value.ts';
import type { GraphVariant } from './variant.ts';

const ATTENTION: AttentionNames = {
  query: 'q_proj',
  key: 'k_proj',
  value: 'v_proj',
  out: 'out_proj',
  hasBias: true,
};

/** In old configs this end token stands for "the largest id": https://github.com/huggingface/transformers/pull/24773 */
const UNNAMED_END_TOKEN = 2;

/** Size of a run of the text model. */
export interface ClipTextSize {
  /** `B`, prompts in one run. */
  readonly batch: number;
  /** `T`; as many as the model has positions by default. */
  readonly tokens?: number;
}

/** See {@link clipText}. */
export interface ClipTextVariant extends GraphVariant {
  /** Layers that the embeddings come through; with clip skip k that is all but the last k. */
  readonly layers?: number;
  /** Whether the final norm follows: it does but in SDXL. */
  readonly isNormed?: boolean;
  /** Takes vectors in the place of some tokens (textual inversion): `kept` f32 [B, T, 1], 0 there; `learned` f32 [B, T, D], 0 elsewhere. */
  readonly hasLearned?: boolean;
  /** Puts out `pooled` too, which runs all layers: the embedding of the end token, f32 [B, D], or projected f32 [B, P]. */
  readonly hasPooled?: boolean;
}

/**
 * Prompts to embeddings.
 *
 * input_ids  i32 [B, T]
 * returns    `last_hidden_state` f32 [B, T, D], behind the final norm whichever layer was the last, if it is normed;
 *            taps `hidden_state_0` … f32 [B, T, D], before that norm: the embeddings, then what each layer puts out
 * @throws MeshError WEIGHT_MISSING, WRONG_SHAPE with the path of the weight or module
 */
export function clipText(
  config: ClipTextConfig,
  source: WeightSource,
  { batch, tokens = config.maxPositions }: ClipTextSize,
  {
    layers = config.layers,
    isNormed = true,
    hasPooled = false,
    hasLearned = false,
    weightMode = FED,
    branches,
    taps = [],
  }: ClipTextVariant = {},
): GraphModel {
  const name = `clip.text ${batch}x${tokens} layers=${layers}`;
  const g = new GraphBuilder({ name, source, weightMode, branches, taps });
  const ids = g.input('input_ids', 'i32', [batch, tokens]);
  const learned = hasLearned ? learnedInputs(g, [batch, tokens, config.hiddenSize]) : undefined;
  const pooled = g.scope('text_model', () => {
    const norm = (x: Value): Value => layerNorm(g, x, 'final_layer_norm', config.layerNormEps);
    let hidden = g.scope('embeddings', () => embed(g, ids, config, learned));
    let embeddings = hidden;
    g.tap('hidden_state_0', hidden);
    for (let layer = 0; layer < (hasPooled ? config.layers : layers); layer++) {
      hidden = g.scope(`encoder.layers.${layer}`, () => encoderLayer(g, hidden, config));
      g.tap(`hidden_state_${layer + 1}`, hidden);
      if (layer + 1 === layers) embeddings = hidden;
    }
    g.output('last_hidden_state', isNormed ? norm(embeddings) : embeddings);
    return hasPooled ? atEndToken(g, norm(hidden), ids, config) : undefined;
  });
  if (pooled) g.output('pooled', project(g, pooled, config));
  return g.build();
}

function project(g: GraphBuilder, pooled: Value, { projectionDim }: ClipTextConfig): Value {
  if (projectionDim === undefined) return pooled;
  return linear(g, pooled, 'text_projection', { features: projectionDim, hasBias: false });
}

interface LearnedInputs {
  readonly kept: Value;
  readonly learned: Value;
}

function learnedInputs(g: GraphBuilder, [batch, tokens, width]: readonly [number, number, number]): LearnedInputs {
  return {
    kept: g.input('kept', 'f32', [batch, tokens, 1]),
    learned: g.input('learned', 'f32', [batch, tokens, width]),
  };
}

/** The token table is looked up as it is stored, and only the rows found are widened. */
function embed(g: GraphBuilder, ids: Value, config: ClipTextConfig, words: LearnedInputs | undefined): Value {
  const { vocabSize, hiddenSize, maxPositions } = config;
  const table = g.storedWeight('token_embedding.weight', [vocabSize, hiddenSize]);
  const known = toF32(g, gather(g, table, ids));
  const tokens = words ? add(g, mul(g, known, words.kept), words.learned) : known;
  const rows = [0, ids.shape[1]!] as const;
  return add(g, tokens, g.weight('position_embedding.weight', [maxPositions, hiddenSize], { rows }));
}

function encoderLayer(g: GraphBuilder, x: Value, config: ClipTextConfig): Value {
  const { layerNormEps, heads } = config;
  const options = { names: ATTENTION, heads, isCausal: true };
  const attended = add(g, attention(g, layerNorm(g, x, 'layer_norm1', layerNormEps), 'self_attn', options), x);
  const normed = layerNorm(g, attended, 'layer_norm2', layerNormEps);
  return add(
    g,
    g.scope('mlp', () => perceptron(g, normed, config)),
    attended,
  );
}

function perceptron(g: GraphBuilder, x: Value, { intermediateSize, hiddenSize, activation }: ClipTextConfig): Value {
  const activate = activation === 'gelu' ? gelu : quickGelu;
  return linear(g, activate(g, linear(g, x, 'fc1', { features: intermediateSize })), 'fc2', { features: hiddenSize });
}

/**
 * hidden   f32 [B, T, D]
 * ids      i32 [B, T]
 * returns  f32 [B, D], at the first end token of each prompt
 */
function atEndToken(g: GraphBuilder, hidden: Value, ids: Value, { eosTokenId }: ClipTextConfig): Value {
  const [batch, tokens, width] = hidden.shape as [number, number, number];
  const marks = eosTokenId === UNNAMED_END_TOKEN ? ids : equal(g, ids, eosTokenId);
  const starts = g.constant(
    'i64',
    [batch],
    Array.from({ length: batch }, (_, i) => i * tokens),
  );
  return gather(g, reshape(g, hidden, [batch * tokens, width]), add(g, argMax(g, marks), starts));
}
