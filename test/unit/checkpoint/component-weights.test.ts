import { describe, expect, it } from 'vitest';
import { ComponentWeights } from '#shared/checkpoint/component-weights.ts';
import type { SafetensorsFile } from '#shared/checkpoint/safetensors.ts';
import { type DType, elementCount, type Shape } from '#shared/tensor/tensor.ts';

function fileOf(
  tensors: Record<string, Shape>,
  dtype: DType = 'f32',
  path = '/models/x/unet/model.safetensors',
): SafetensorsFile {
  const entries = Object.entries(tensors).map(([name, shape], i) => {
    return [name, { name, dtype, shape, offset: 100 * i, length: 4 * elementCount(shape) }] as const;
  });
  return { path, metadata: {}, tensors: new Map(entries) };
}

const weightsOf = (...files: SafetensorsFile[]) => new ComponentWeights('/shown', '/models/x/unet', files);

describe('weights — old and new spellings are one', () => {
  const ATTENTION = 'decoder.mid_block.attentions.0';

  it.each([
    ['query.weight', 'to_q.weight', [8, 8]],
    ['key.bias', 'to_k.bias', [8]],
    ['value.weight', 'to_v.weight', [8, 8, 1, 1]],
    ['proj_attn.weight', 'to_out.0.weight', [8, 8, 1, 1]],
  ])("weights — the VAE's %s answers to %s", (stored, asked, shape) => {
    const weights = weightsOf(fileOf({ [`${ATTENTION}.${stored}`]: shape }));
    const matrix = shape.slice(0, 2);
    expect(weights.get(`${ATTENTION}.${asked}`, matrix)).toMatchObject({
      name: `${ATTENTION}.${asked}`,
      shape: matrix,
    });
    expect(() => weights.assertAllUsed()).not.toThrow();
  });

  it("weights — a UNet's 1×1 convolution is not taken for a linear layer", () => {
    const name = 'mid_block.attentions.0.proj_in.weight';
    expect(() => weightsOf(fileOf({ [name]: [8, 8, 1, 1] })).get(name, [8, 8])).toThrow(/\[8, 8, 1, 1\]/);
  });

  it("weights — a UNet's to_q.weight of a cross attention keeps its name", () => {
    const name = 'mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight';
    expect(weightsOf(fileOf({ [name]: [8, 8] })).index.has(name)).toBe(true);
  });

  it.each(['embeddings.token_embedding.weight', 'encoder.layers.0.mlp.fc1.weight', 'final_layer_norm.bias'])(
    'weights — the text model without prefix: %s',
    (name) => {
      expect(weightsOf(fileOf({ [name]: [4] })).get(`text_model.${name}`, [4]).name).toBe(`text_model.${name}`);
    },
  );

  it('weights — the position ids of old text encoders are no surprise', () => {
    const weights = weightsOf(fileOf({ 'text_model.embeddings.position_ids': [1, 77] }, 'i64'));
    expect(() => weights.assertAllUsed()).not.toThrow();
  });

  it('weights — one weight in two files or spellings is refused', () => {
    const names = ['query', 'to_q'].map((layer) => `${ATTENTION}.${layer}.weight`);
    const files = names.map((name) => fileOf({ [name]: [2, 2] }));
    expect(() => weightsOf(...files)).toThrow(expect.objectContaining({ code: 'SAFETENSORS_INVALID' }));
  });
});

describe('weights — what does not fit', () => {
  it('weights — integers are no weights', () => {
    const weights = weightsOf(fileOf({ x: [2] }, 'i32'));
    expect(() => weights.get('x', [2])).toThrow(/x is i32/);
  });

  it('weights — of many that nobody asked for ten are named and the rest counted', () => {
    const many = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`extra.${String(i).padStart(2, '0')}`, [1]]));
    expect(() => weightsOf(fileOf(many)).assertAllUsed()).toThrow(
      expect.objectContaining({
        code: 'WEIGHT_UNEXPECTED',
        message: expect.stringMatching(/extra\.00, .*extra\.09 and 15 more/),
        details: expect.objectContaining({ count: 25 }),
      }),
    );
  });
});
