/**
 * The UNet as two graphs: the way down with the middle, beside which the ControlNets run, and the way up, which needs
 * their residuals.
 * Source: https://github.com/huggingface/diffusers/blob/v0.30.0/src/diffusers/models/unets/unet_2d_condition.py
 */
import { isInpainting, type UnetConfig } from '#shared/tensor/network-config.ts';
import type { WeightSource } from '#shared/tensor/weight.ts';
import { FED, GraphBuilder } from '../builder.ts';
import type { GraphModel } from '../graph-model.ts';
import { conv2d, upsample } from '../nn/conv.ts';
import { groupNorm } from '../nn/norm.ts';
import { add, silu } from '../ops/elementwise.ts';
import { concat } from '../ops/layout.ts';
import type { Value } from '../value.ts';
import { type BlockContext, blockLayer, encode, latentsInput, promptInput } from './encoder.ts';
import { DEEP, RESIDUAL_MID, residualName, residualShapes, skipName } from './residuals.ts';
import { timeInput, timeShape } from './time.ts';
import { type GraphVariant, graphName, type PromptedSize } from './variant.ts';

/**
 * The first half of a step.
 *
 * latents               f32 [B, 4, h, w]
 * timestep              f32 [1], in training steps, may be fractional
 * prompt_embeds         f32 [B, T, D]
 * add_embeds            f32 [B, A], where the UNet has added embeddings
 * timestep_cond         f32 [1, G], where it was distilled to read the guidance scale
 * mask                  f32 [B, 1, h, w], of an inpainting UNet: 1 where the picture is made anew
 * masked_image_latents  f32 [B, 4, h, w], of an inpainting UNet
 * returns               `skip_00` …, `mid` (shapes: {@link residualShapes}), `time_embedding` f32 [1 or B, 4·C];
 *                       tap `time_proj` f32 [1, C]
 * @throws MeshError WEIGHT_MISSING, WRONG_SHAPE with the path of the weight or module
 */
export function unetDown(
  config: UnetConfig,
  source: WeightSource,
  size: PromptedSize,
  { weightMode = FED, branches, taps = [] }: GraphVariant = {},
): GraphModel {
  const g = new GraphBuilder({ name: graphName('unet.down', size), source, weightMode, branches, taps });
  const latents = unetLatents(g, config, size);
  const time = timeInput(g, config, size.batch);
  const prompt = promptInput(g, config, size);
  const sample = conv2d(g, latents, 'conv_in', { channels: config.blockOutChannels[0]! });
  const { skips, mid } = encode(g, sample, { config, activatedTime: silu(g, time), prompt });
  for (const [index, skip] of skips.entries()) g.output(skipName(index), skip);
  g.output('mid', mid);
  g.output('time_embedding', time);
  return g.build();
}

/** Graph input `latents`; of an inpainting UNet the latents, the mask and what the mask leaves of the picture, channel by channel. */
export function unetLatents(g: GraphBuilder, config: UnetConfig, size: PromptedSize): Value {
  const latents = latentsInput(g, config.outChannels, size);
  if (!isInpainting(config)) return latents;
  const { batch, height, width } = size;
  const mask = g.input('mask', 'f32', [batch, 1, height, width]);
  return concat(g, [latents, mask, g.input('masked_image_latents', 'f32', latents.shape)], 1);
}

/** See {@link unetUp}. */
export interface UnetUpVariant extends GraphVariant {
  /** Takes ControlNet residuals `residual_00` …, `residual_mid` and adds them to the skips and to `mid`. */
  readonly hasResiduals: boolean;
  /** Puts out `deep` as well, what the last so many layers add to: for a later step without the rest (`unet-shallow.ts`). */
  readonly deepLayers?: number;
}

/**
 * The second half of a step.
 *
 * skip_00 …, mid, time_embedding   what {@link unetDown} put out
 * prompt_embeds                    f32 [B, T, D]
 * residual_00 …, residual_mid      with `hasResiduals`; shapes of the skips and of `mid`
 * returns                          `noise_pred` f32 [B, 4, h, w]; `deep` with `deepLayers`
 * @throws MeshError WEIGHT_MISSING, WRONG_SHAPE with the path of the weight or module
 */
export function unetUp(
  config: UnetConfig,
  source: WeightSource,
  size: PromptedSize,
  { hasResiduals, deepLayers, weightMode = FED, branches, taps = [] }: UnetUpVariant,
): GraphModel {
  const name = graphName(`unet.up${hasResiduals ? '+residuals' : ''}${deepLayers ? ` deep${deepLayers}` : ''}`, size);
  const g = new GraphBuilder({ name, source, weightMode, branches, taps });
  const { skips, mid } = skipInputs(g, config, size, hasResiduals);
  const time = g.input('time_embedding', 'f32', timeShape(config, size.batch));
  const prompt = promptInput(g, config, size);
  predictNoise(g, decode(g, mid, skips, { config, activatedTime: silu(g, time), prompt, deepLayers }), config);
  return g.build();
}

/** Graph output `noise_pred` f32 [B, 4, h, w] of what the last up block made. */
export function predictNoise(g: GraphBuilder, decoded: Value, config: UnetConfig): void {
  const norm = { groups: config.normGroups, epsilon: config.normEps };
  const normed = silu(g, groupNorm(g, decoded, 'conv_norm_out', norm));
  g.output('noise_pred', conv2d(g, normed, 'conv_out', { channels: config.outChannels }));
}

function skipInputs(g: GraphBuilder, config: UnetConfig, size: PromptedSize, hasResiduals: boolean) {
  const shapes = residualShapes(config, size);
  const skips = shapes.skips.map((shape, index) => g.input(skipName(index), 'f32', shape));
  const mid = g.input('mid', 'f32', shapes.mid);
  if (!hasResiduals) return { skips, mid };
  const residuals = shapes.skips.map((shape, index) => g.input(residualName(index), 'f32', shape));
  const residualMid = g.input(RESIDUAL_MID, 'f32', shapes.mid);
  return { skips: skips.map((skip, index) => add(g, skip, residuals[index]!)), mid: add(g, mid, residualMid) };
}

/** Runs the up blocks; each layer takes the last skip that is left. */
function decode(
  g: GraphBuilder,
  mid: Value,
  skips: readonly Value[],
  context: BlockContext & { readonly config: UnetConfig; readonly deepLayers: number | undefined },
): Value {
  const { config, deepLayers } = context;
  const left = [...skips];
  const blockChannels = config.blockOutChannels.toReversed();
  const blockHeads = config.heads.toReversed();
  let hidden = mid;
  for (const [block, channels] of blockChannels.entries()) {
    g.scope(`up_blocks.${block}`, () => {
      const heads = blockHeads[block]!;
      for (const [layer, depth] of config.upBlocks[block]!.entries()) {
        if (left.length === deepLayers) g.output(DEEP, hidden);
        const joined = concat(g, [hidden, left.pop()!], 1);
        hidden = blockLayer(g, joined, { layer, channels, heads, depth }, context);
      }
      const next = left.at(-1);
      if (next) hidden = upsample(g, hidden, 'upsamplers.0', [next.shape[2]!, next.shape[3]!]);
    });
  }
  return hidden;
}
