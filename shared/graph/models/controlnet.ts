/**
 * A ControlNet as two graphs: the hint encoder, which runs once per job, and the rest, which runs in every step.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/controlnet.py
 */
import type { ControlNetConfig } from '#shared/tensor/network-config.ts';
import type { WeightSource } from '#shared/tensor/weight.ts';
import { FED, GraphBuilder } from '../builder.ts';
import type { GraphModel } from '../graph-model.ts';
import { conv2d } from '../nn/conv.ts';
import { add, mul, silu } from '../ops/elementwise.ts';
import { gather, split } from '../ops/layout.ts';
import type { Value } from '../value.ts';
import { type Encoded, encode, latentsInput, promptInput } from './encoder.ts';
import { RESIDUAL_MID, residualName } from './residuals.ts';
import { timeInput } from './time.ts';
import { type GraphVariant, graphName, type LatentSize, type PromptedSize } from './variant.ts';

/**
 * The hint as the step takes it: once per job.
 *
 * hint      f32 [B, 3, H, W], RGB in 0…1; H and W are the latent size times {@link hintFactor}
 * returns   `hint_embedding` f32 [B, C, h, w], C being the channels of the first block
 * @throws MeshError WEIGHT_MISSING, WRONG_SHAPE with the path of the weight or module
 */
export function controlnetHint(
  config: ControlNetConfig,
  source: WeightSource,
  size: LatentSize,
  { weightMode = FED, taps = [] }: GraphVariant = {},
): GraphModel {
  const g = new GraphBuilder({ name: graphName('controlnet.hint', size), source, weightMode, taps });
  const factor = hintFactor(config);
  const shape = [size.batch, config.conditioningChannels, size.height * factor, size.width * factor];
  const hint = inChannelOrder(g, g.input('hint', 'f32', shape), config);
  g.output(
    'hint_embedding',
    g.scope('controlnet_cond_embedding', () => embedHint(g, hint, config)),
  );
  return g.build();
}

/** Pixels of the hint along an edge for each latent pixel. */
export function hintFactor({ conditioningEmbeddingOutChannels }: ControlNetConfig): number {
  return 2 ** (conditioningEmbeddingOutChannels.length - 1);
}

/** See {@link controlnetStep}. */
export interface ControlNetStepVariant extends GraphVariant {
  /** Batch of `hint_embedding`: 1 when every picture follows the same hint. */
  readonly hintBatch?: number;
}

/**
 * What a ControlNet adds to one step of the UNet.
 *
 * latents         f32 [B, 4, h, w]
 * timestep        f32 [1], in training steps, may be fractional
 * prompt_embeds   f32 [B, T, D]
 * add_embeds      f32 [B, A], where the ControlNet has added embeddings
 * hint_embedding  f32 [1 or B, C, h, w], from {@link controlnetHint}
 * scales          f32 [N + 1]: what each of the N residuals, and last the middle one, is multiplied by
 * returns         `residual_00` …, `residual_mid`: shapes as `residualShapes` says
 * @throws MeshError WEIGHT_MISSING, WRONG_SHAPE with the path of the weight or module
 */
export function controlnetStep(
  config: ControlNetConfig,
  source: WeightSource,
  size: PromptedSize,
  { hintBatch = 1, weightMode = FED, taps = [] }: ControlNetStepVariant = {},
): GraphModel {
  const g = new GraphBuilder({ name: graphName('controlnet.step', size), source, weightMode, taps });
  const channels = config.blockOutChannels[0]!;
  const latents = latentsInput(g, config.inChannels, size);
  const hint = g.input('hint_embedding', 'f32', [hintBatch, channels, size.height, size.width]);
  const activatedTime = silu(g, timeInput(g, config, size.batch));
  const prompt = promptInput(g, config, size);
  const sample = add(g, conv2d(g, latents, 'conv_in', { channels }), hint);
  putOutResiduals(g, encode(g, sample, { config, activatedTime, prompt }));
  return g.build();
}

/** A 1×1 convolution on each skip and on the middle, then the caller's scales. */
function putOutResiduals(g: GraphBuilder, { skips, mid }: Encoded): void {
  const count = skips.length + 1;
  const scales = split(g, g.input('scales', 'f32', [count]), 0, count);
  for (const [index, skip] of skips.entries()) {
    const residual = conv2d(g, skip, `controlnet_down_blocks.${index}`, { channels: skip.shape[1]!, kernel: 1 });
    g.output(residualName(index), mul(g, residual, scales[index]!));
  }
  const residual = conv2d(g, mid, 'controlnet_mid_block', { channels: mid.shape[1]!, kernel: 1 });
  g.output(RESIDUAL_MID, mul(g, residual, scales.at(-1)!));
}

function inChannelOrder(g: GraphBuilder, hint: Value, { conditioningChannelOrder }: ControlNetConfig): Value {
  if (conditioningChannelOrder === 'rgb') return hint;
  const channels = hint.shape[1]!;
  const backwards = Array.from({ length: channels }, (_, i) => channels - 1 - i);
  return gather(g, hint, g.constant('i64', [channels], backwards), 1);
}

/** Convolutions in pairs, the second of each halving the size and widening to the next number of channels. */
function embedHint(g: GraphBuilder, hint: Value, config: ControlNetConfig): Value {
  const widths = config.conditioningEmbeddingOutChannels;
  let hidden = silu(g, conv2d(g, hint, 'conv_in', { channels: widths[0]! }));
  for (let i = 0; i < widths.length - 1; i++) {
    hidden = silu(g, conv2d(g, hidden, `blocks.${2 * i}`, { channels: widths[i]! }));
    hidden = silu(g, conv2d(g, hidden, `blocks.${2 * i + 1}`, { channels: widths[i + 1]!, stride: 2 }));
  }
  return conv2d(g, hidden, 'conv_out', { channels: config.blockOutChannels[0]! });
}
