import { describe, expect, it } from 'vitest';
import { parseUnetConfig } from '#shared/checkpoint/unet-config.ts';
import { unetDown, unetUp } from '#shared/graph/models/unet.ts';
import { elementCount } from '#shared/tensor/tensor.ts';
import { AnyWeights } from './memory-weights.ts';

/** As it is published. */
const CONFIG = {
  _class_name: 'UNet2DConditionModel',
  addition_embed_type: 'text_time',
  addition_time_embed_dim: 256,
  projection_class_embeddings_input_dim: 2816,
  attention_head_dim: [5, 10, 20],
  block_out_channels: [320, 640, 1280],
  cross_attention_dim: 2048,
  down_block_types: ['DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'],
  up_block_types: ['CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'],
  sample_size: 128,
  transformer_layers_per_block: [1, 2, 10],
  use_linear_projection: true,
};

describe('UNet of Stable Diffusion XL — its graphs', () => {
  const source = new AnyWeights('f16');
  const config = parseUnetConfig('unet/config.json', CONFIG);
  const size = { batch: 2, height: 128, width: 128, tokens: 77 };
  const halves = [unetDown(config, source, size), unetUp(config, source, size, { hasResiduals: true })];

  it('take as many weights and parameters as the published model has', () => {
    expect(source.asked.size).toBe(1680);
    const parameters = [...source.asked.values()].reduce((sum, { shape }) => sum + elementCount(shape), 0);
    expect(parameters).toBe(2_567_463_684);
  });

  it('are under 2 MB each', () => {
    for (const { bytes } of halves) expect(bytes.length).toBeLessThan(2e6);
  });
});
