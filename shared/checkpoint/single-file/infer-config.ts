/**
 * What `config.json` would say of a network, from the names and shapes of its weights. The records are in diffusers' words, so that the
 * same parsers read them. What no shape tells (heads, norm groups, scaling) is as in every model of the family.
 */
import type { Shape } from '#shared/tensor/tensor.ts';
import type { WeightIndex } from '../component-weights.ts';
import type { JsonRecord } from '../json-file.ts';

/** Groups of every group norm in Stable Diffusion. */
const NORM_GROUPS = 32;
/** Attention heads of 1.x whatever the width; 2.x and XL have heads of 64. */
const HEADS_OF_1 = 8;
const HEAD_WIDTH = 64;
/** Sinusoids of each of SDXL's size numbers. */
const SIZE_EMBED = 256;

/** How many numbers follow `prefix` in the names: blocks, layers. */
function countOf(index: WeightIndex, prefix: string): number {
  let count = 0;
  for (const name of index.keys()) {
    if (name.startsWith(prefix)) count = Math.max(count, Number.parseInt(name.slice(prefix.length), 10) + 1);
  }
  return count;
}

function shapeOf(index: WeightIndex, name: string): Shape {
  return index.get(name) ?? [];
}

function hasPrefix(index: WeightIndex, prefix: string): boolean {
  for (const name of index.keys()) if (name.startsWith(prefix)) return true;
  return false;
}

/** What UNet and ControlNet have in common. */
function encoderRecord(index: WeightIndex): Record<string, unknown> {
  const blocks = Array.from({ length: countOf(index, 'down_blocks.') }, (_, block) => block);
  const channels = blocks.map((block) => shapeOf(index, `down_blocks.${block}.resnets.0.conv1.weight`)[0]);
  const isCross = blocks.map((block) => hasPrefix(index, `down_blocks.${block}.attentions.`));
  const isLinear = blocks.some(
    (block) => shapeOf(index, `down_blocks.${block}.attentions.0.proj_in.weight`).length === 2,
  );
  const middle = countOf(index, 'mid_block.attentions.0.transformer_blocks.') || 1;
  const depths = blocks.map(
    (block) => countOf(index, `down_blocks.${block}.attentions.0.transformer_blocks.`) || middle,
  );
  const [, textWidth] = [...index].find(([name]) => name.endsWith('.attn2.to_k.weight'))?.[1] ?? [];
  const added = shapeOf(index, 'add_embedding.linear_1.weight')[1];
  return {
    in_channels: shapeOf(index, 'conv_in.weight')[1],
    block_out_channels: channels,
    down_block_types: isCross.map((cross) => (cross ? 'CrossAttnDownBlock2D' : 'DownBlock2D')),
    layers_per_block: countOf(index, 'down_blocks.0.resnets.'),
    attention_head_dim: isLinear ? channels.map((width) => (width ?? 0) / HEAD_WIDTH) : HEADS_OF_1,
    cross_attention_dim: textWidth,
    norm_num_groups: NORM_GROUPS,
    use_linear_projection: isLinear,
    ...(depths.some((depth) => depth !== 1) && { transformer_layers_per_block: depths }),
    ...(added !== undefined && {
      addition_embed_type: 'text_time',
      addition_time_embed_dim: SIZE_EMBED,
      projection_class_embeddings_input_dim: added,
    }),
  };
}

/** sampleSize   latent pixels along an edge that the family was trained at */
export function inferUnet(index: WeightIndex, sampleSize: number): JsonRecord {
  const blocks = Array.from({ length: countOf(index, 'up_blocks.') }, (_, block) => block);
  const upBlocks = blocks.map((block) =>
    hasPrefix(index, `up_blocks.${block}.attentions.`) ? 'CrossAttnUpBlock2D' : 'UpBlock2D',
  );
  const [outChannels] = shapeOf(index, 'conv_out.weight');
  return {
    _class_name: 'UNet2DConditionModel',
    ...encoderRecord(index),
    up_block_types: upBlocks,
    out_channels: outChannels,
    sample_size: sampleSize,
  };
}

/** A ControlNet's record. */
export function inferControlNet(index: WeightIndex): JsonRecord {
  const hint = 'controlnet_cond_embedding';
  const inner = Array.from({ length: countOf(index, `${hint}.blocks.`) }, (_, block) => block);
  const widths = inner
    .filter((block) => block % 2 === 1)
    .map((block) => shapeOf(index, `${hint}.blocks.${block}.weight`)[0]);
  const [firstWidth, hintChannels] = shapeOf(index, `${hint}.conv_in.weight`);
  return {
    _class_name: 'ControlNetModel',
    ...encoderRecord(index),
    conditioning_embedding_out_channels: [firstWidth, ...widths],
    conditioning_channels: hintChannels,
  };
}

/** A VAE's record. */
export function inferVae(index: WeightIndex, scalingFactor: number): JsonRecord {
  const blocks = Array.from({ length: countOf(index, 'encoder.down_blocks.') }, (_, block) => block);
  const hasQuantConv = index.has('post_quant_conv.weight');
  return {
    _class_name: 'AutoencoderKL',
    block_out_channels: blocks.map((block) => shapeOf(index, `encoder.down_blocks.${block}.resnets.0.conv1.weight`)[0]),
    down_block_types: blocks.map(() => 'DownEncoderBlock2D'),
    up_block_types: blocks.map(() => 'UpDecoderBlock2D'),
    in_channels: shapeOf(index, 'encoder.conv_in.weight')[1],
    out_channels: shapeOf(index, 'decoder.conv_out.weight')[0],
    latent_channels: shapeOf(index, 'decoder.conv_in.weight')[1],
    layers_per_block: countOf(index, 'encoder.down_blocks.0.resnets.'),
    norm_num_groups: NORM_GROUPS,
    scaling_factor: scalingFactor,
    ...(!hasQuantConv && { use_quant_conv: false, use_post_quant_conv: false }),
  };
}

/** A text encoder's record. `isOpenClip`: its activation is the exact GELU. */
export function inferTextEncoder(index: WeightIndex, isOpenClip: boolean): JsonRecord {
  const [vocabulary, width = 0] = shapeOf(index, 'text_model.embeddings.token_embedding.weight');
  const projection = shapeOf(index, 'text_projection.weight')[0];
  return {
    architectures: [projection === undefined ? 'CLIPTextModel' : 'CLIPTextModelWithProjection'],
    model_type: 'clip_text_model',
    hidden_size: width,
    num_attention_heads: width / HEAD_WIDTH,
    intermediate_size: shapeOf(index, 'text_model.encoder.layers.0.mlp.fc1.weight')[0],
    num_hidden_layers: countOf(index, 'text_model.encoder.layers.'),
    vocab_size: vocabulary,
    max_position_embeddings: shapeOf(index, 'text_model.embeddings.position_embedding.weight')[0],
    hidden_act: isOpenClip ? 'gelu' : 'quick_gelu',
    ...(projection !== undefined && { projection_dim: projection }),
  };
}
