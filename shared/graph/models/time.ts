/**
 * The embedding that every resnet sees: the timestep, and what some families add to it.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/unets/unet_2d_condition.py (get_time_embed, get_aug_embed)
 */
import type { EncoderConfig, UnetConfig } from '#shared/tensor/network-config.ts';
import type { GraphBuilder } from '../builder.ts';
import { timestepEmbedding, vectorEmbedding } from '../nn/timestep-embedding.ts';
import { add } from '../ops/elementwise.ts';
import type { Value } from '../value.ts';

/** Width of the embedding, in channels of the first block. */
const TIME_FACTOR = 4;

/**
 * Graph inputs `timestep` f32 [1]; with added embeddings `add_embeds` f32 [B, A], pooled text and sinusoids of sizes; with a
 * guidance embedding `timestep_cond` f32 [1, G].
 *
 * returns  f32 [1, 4·C], C being the channels of the first block; [B, 4·C] with added embeddings, and a tap `time_alone`
 *          f32 [1, 4·C] without them
 */
export function timeInput(g: GraphBuilder, config: EncoderConfig & Partial<UnetConfig>, batch: number): Value {
  const { flipSinToCos, freqShift, blockOutChannels, added, guidanceWidth } = config;
  const width = blockOutChannels[0]!;
  const timestep = g.input('timestep', 'f32', [1]);
  const guidance = guidanceWidth ? { guidance: g.input('timestep_cond', 'f32', [1, guidanceWidth]) } : {};
  const time = timestepEmbedding(g, timestep, 'time_embedding', { width, flipSinToCos, freqShift, ...guidance });
  if (!added) return time;
  g.tap('time_alone', time);
  const addEmbeds = g.input('add_embeds', 'f32', [batch, added.width]);
  return add(g, vectorEmbedding(g, addEmbeds, 'add_embedding', TIME_FACTOR * width), time);
}

/** Shape of what {@link timeInput} gives. */
export function timeShape({ blockOutChannels, added }: EncoderConfig, batch: number): readonly [number, number] {
  return [added ? batch : 1, TIME_FACTOR * blockOutChannels[0]!];
}
