/** `config.json` of CLIPTextModel. Defaults are those of transformers. */
import type { ClipTextConfig } from '#shared/tensor/network-config.ts';
import { ConfigReader } from './config-reader.ts';
import type { JsonRecord } from './json-file.ts';
import { CHANNELS, LAYERS, requireDivisible } from './network-limits.ts';

/**
 * Configuration of a text encoder. Keys that are not known are passed over: files of transformers list some seventy
 * settings of text generation that CLIP has no use for.
 * @throws MeshError CONFIG_INVALID, CONFIG_UNSUPPORTED naming the key.
 */
export function parseClipTextConfig(path: string, config: JsonRecord): ClipTextConfig {
  const reader = new ConfigReader(path, config);
  reader.className('architectures', ['CLIPTextModel', 'CLIPTextModelWithProjection']);
  reader.only('model_type', ['clip_text_model']);
  const hiddenSize = reader.integer('hidden_size', CHANNELS, 512);
  const heads = reader.integer('num_attention_heads', CHANNELS, 8);
  requireDivisible(reader, 'num_attention_heads', [hiddenSize], heads);
  return {
    hiddenSize,
    heads,
    intermediateSize: reader.integer('intermediate_size', CHANNELS, 2048),
    layers: reader.integer('num_hidden_layers', LAYERS, 12),
    vocabSize: reader.integer('vocab_size', { min: 1, max: 1_000_000 }, 49_408),
    maxPositions: reader.integer('max_position_embeddings', { min: 2, max: 4096 }, 77),
    activation: reader.oneOf('hidden_act', ['quick_gelu', 'gelu'], 'quick_gelu'),
    layerNormEps: reader.number('layer_norm_eps', 1e-5),
    eosTokenId: reader.integer('eos_token_id', { min: 0, max: 1_000_000 }, 49_407),
    ...parseProjection(reader),
  };
}

/** Every configuration has a `projection_dim`; only networks of this class have the projection. */
function parseProjection(reader: ConfigReader): { projectionDim?: number } {
  const isProjected = [reader.value('architectures')].flat().includes('CLIPTextModelWithProjection');
  return isProjected ? { projectionDim: reader.integer('projection_dim', CHANNELS, 512) } : {};
}
