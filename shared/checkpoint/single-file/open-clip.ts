/**
 * The names of OpenCLIP's text model for the weights that transformers names. Two things differ in more than the name: query, key
 * and value are one matrix, of which each is a range of rows; and the projection is stored as its transpose.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/loaders/single_file_utils.py `convert_open_clip_checkpoint`
 */
import type { TensorEntry } from '../safetensors-header.ts';

const LAYER: readonly (readonly [RegExp, string])[] = [
  [/^ln_1\./, 'layer_norm1.'],
  [/^ln_2\./, 'layer_norm2.'],
  [/^mlp\.c_fc\./, 'mlp.fc1.'],
  [/^mlp\.c_proj\./, 'mlp.fc2.'],
  [/^attn\.out_proj\./, 'self_attn.out_proj.'],
];

const OUTSIDE: Readonly<Record<string, string>> = {
  positional_embedding: 'text_model.embeddings.position_embedding.weight',
  'token_embedding.weight': 'text_model.embeddings.token_embedding.weight',
  'ln_final.weight': 'text_model.final_layer_norm.weight',
  'ln_final.bias': 'text_model.final_layer_norm.bias',
};

/** A tensor of OpenCLIP as what transformers has of it: one, three, or none. */
export function openClipEntries(entry: TensorEntry): readonly TensorEntry[] {
  const { name } = entry;
  if (name === 'text_projection') return [transposed({ ...entry, name: 'text_projection.weight' })];
  if (name === 'text_projection.weight') return [entry];
  const outside = OUTSIDE[name];
  if (outside) return [{ ...entry, name: outside }];
  const [, layer, rest] = /^transformer\.resblocks\.(\d+)\.(.+)$/.exec(name) ?? [];
  if (layer === undefined || rest === undefined) return [];
  const path = `text_model.encoder.layers.${layer}.`;
  const fused = /^attn\.in_proj_(weight|bias)$/.exec(rest)?.[1];
  if (fused) return thirds(entry).map((part, i) => ({ ...part, name: `${path}self_attn.${'qkv'[i]}_proj.${fused}` }));
  const [pattern, renamed] = LAYER.find(([one]) => one.test(rest)) ?? [];
  return pattern ? [{ ...entry, name: path + rest.replace(pattern, renamed!) }] : [];
}

/** Rows lie one after another: a third of them is a third of the bytes. */
function thirds(entry: TensorEntry): TensorEntry[] {
  const [rows = 0, ...rest] = entry.shape;
  const length = entry.length / 3;
  return [0, 1, 2].map((i) => ({ ...entry, shape: [rows / 3, ...rest], offset: entry.offset + i * length, length }));
}

function transposed(entry: TensorEntry): TensorEntry {
  return { ...entry, shape: entry.shape.toReversed(), isTransposed: true };
}
