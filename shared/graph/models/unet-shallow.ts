/**
 * The outermost layers of a UNet alone: a step that takes what lies deeper from an earlier one, since it changes little from
 * step to step.
 * Source: DeepCache (Ma et al., CVPR 2024, §3.2), https://arxiv.org/abs/2312.00858
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { UnetConfig } from '#shared/tensor/network-config.ts';
import type { WeightSource } from '#shared/tensor/weight.ts';
import { FED, GraphBuilder } from '../builder.ts';
import type { GraphModel } from '../graph-model.ts';
import { conv2d } from '../nn/conv.ts';
import { add, silu } from '../ops/elementwise.ts';
import { concat } from '../ops/layout.ts';
import type { Value } from '../value.ts';
import { type BlockContext, blockLayer, promptInput } from './encoder.ts';
import { DEEP, residualName, residualShapes } from './residuals.ts';
import { timeInput } from './time.ts';
import type { UnetUpVariant } from './unet.ts';
import { predictNoise, unetLatents } from './unet.ts';
import { graphName, type PromptedSize } from './variant.ts';

/** See the head of this file. */
export interface ShallowVariant extends UnetUpVariant {
  /** Layers of the last up block that are computed, 1 … all of them. */
  readonly layers: number;
}

/**
 * A step on what an earlier one left.
 *
 * latents, timestep, prompt_embeds, …   as in `unetDown`
 * deep                                  what `unetUp` put out with `deepLayers` of the same number
 * residual_00 …                         with `hasResiduals`: those of the outermost `layers` skips
 * returns                               `noise_pred` f32 [B, 4, h, w]
 * @throws MeshError UNSUPPORTED_OPTION when the last up block has fewer layers; WEIGHT_MISSING, WRONG_SHAPE
 */
export function unetShallow(
  config: UnetConfig,
  source: WeightSource,
  size: PromptedSize,
  { layers, hasResiduals, weightMode = FED, branches, taps = [] }: ShallowVariant,
): GraphModel {
  const name = graphName(`unet.shallow${layers}${hasResiduals ? '+residuals' : ''}`, size);
  const g = new GraphBuilder({ name, source, weightMode, branches, taps });
  const latents = unetLatents(g, config, size);
  const activatedTime = silu(g, timeInput(g, config, size.batch));
  const context = { config, activatedTime, prompt: promptInput(g, config, size) };
  const skips = outerSkips(g, latents, layers, context);
  const added = hasResiduals
    ? skips.map((skip, i) => add(g, skip, g.input(residualName(i), 'f32', skip.shape)))
    : skips;
  const deep = g.input(DEEP, 'f32', deepShape(config, size, layers));
  predictNoise(g, lastLayers(g, deep, added, context), config);
  return g.build();
}

/** Shape of `deep`: the input of the last up block's layer that is the first to be computed, without its skip. */
export function deepShape(config: UnetConfig, size: PromptedSize, layers: number): readonly number[] {
  const all = config.upBlocks.at(-1)!.length;
  if (layers < 1 || layers > all) {
    const text = `The last up block has ${all} layers: cache_branch_id must be from 0 to ${all - 1}.`;
    throw new MeshError('UNSUPPORTED_OPTION', text, { path: 'deep_cache.cache_branch_id', max: all - 1 });
  }
  const [batch, channels, height, width] = residualShapes(config, size).skips[0]! as [number, number, number, number];
  // Before its first layer the block has what the one below it made.
  return [batch, layers === all ? (config.blockOutChannels[1] ?? channels) : channels, height, width];
}

/** The skips that the last layers read, outermost first. */
function outerSkips(
  g: GraphBuilder,
  latents: Value,
  layers: number,
  context: BlockContext & { readonly config: UnetConfig },
): Value[] {
  const { config } = context;
  const channels = config.blockOutChannels[0]!;
  const skips = [conv2d(g, latents, 'conv_in', { channels })];
  g.scope('down_blocks.0', () => {
    for (const [layer, depth] of config.downBlocks[0]!.slice(0, layers - 1).entries()) {
      skips.push(blockLayer(g, skips.at(-1)!, { layer, channels, heads: config.heads[0]!, depth }, context));
    }
  });
  return skips;
}

function lastLayers(
  g: GraphBuilder,
  deep: Value,
  skips: readonly Value[],
  context: BlockContext & { readonly config: UnetConfig },
): Value {
  const { upBlocks, blockOutChannels, heads } = context.config;
  const block = upBlocks.at(-1)!;
  const of = { channels: blockOutChannels[0]!, heads: heads[0]! };
  let hidden = deep;
  g.scope(`up_blocks.${upBlocks.length - 1}`, () => {
    for (const [index, skip] of skips.toReversed().entries()) {
      const layer = block.length - skips.length + index;
      hidden = blockLayer(g, concat(g, [hidden, skip], 1), { ...of, layer, depth: block[layer]! }, context);
    }
  });
  return hidden;
}
