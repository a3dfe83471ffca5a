import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LOW_RANK } from '#shared/checkpoint/adapters/low-rank.ts';
import { joinFactors, readFactors } from '#shared/checkpoint/lora-factors.ts';
import { type LoraModule, planLora } from '#shared/checkpoint/lora-file.ts';
import type { LoraBase } from '#shared/checkpoint/lora-names.ts';
import { openSafetensors, type SafetensorsFile } from '#shared/checkpoint/safetensors.ts';
import { tensorsToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { f32, type Shape, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';

const folder = await temporaryFolder();

const ATTENTION = 'mid_block.attentions.0.transformer_blocks.0';
const CLIP_LAYER = 'text_model.encoder.layers.0';
const BASE: LoraBase = {
  unet: new Map<string, Shape>([
    [`${ATTENTION}.attn1.to_q.weight`, [6, 6]],
    [`${ATTENTION}.attn1.to_out.0.weight`, [6, 6]],
    [`${ATTENTION}.attn2.to_k.weight`, [6, 768]],
    ['mid_block.attentions.0.proj_in.weight', [6, 6, 1, 1]],
    ['mid_block.resnets.0.conv1.weight', [6, 4, 3, 3]],
  ]),
  text_encoder: new Map<string, Shape>([
    [`${CLIP_LAYER}.self_attn.q_proj.weight`, [4, 4]],
    [`${CLIP_LAYER}.self_attn.out_proj.weight`, [4, 4]],
  ]),
};

let files = 0;

async function fileOf(tensors: TensorMap, metadata: Record<string, string> = {}): Promise<SafetensorsFile> {
  const path = join(folder, `lora-${files++}.safetensors`);
  await writeSafetensors(path, tensorsToWrite(tensors), metadata);
  return openSafetensors(path);
}

async function modulesOf(tensors: TensorMap, metadata?: Record<string, string>): Promise<readonly LoraModule[]> {
  return (await planLora(await fileOf(tensors, metadata), BASE)).modules;
}

const refused = async (tensors: TensorMap, metadata?: Record<string, string>): Promise<unknown> =>
  modulesOf(tensors, metadata).catch((error: unknown) => error);

/** A LoRA without alphas. */
const PLAIN = { kind: LOW_RANK, multiplier: 1 };
const QUERY = `${ATTENTION}.attn1.to_q.weight`;
const OUT = `${ATTENTION}.attn1.to_out.0.weight`;
const CLIP_QUERY = `${CLIP_LAYER}.self_attn.q_proj.weight`;
const CLIP_OUT = `${CLIP_LAYER}.self_attn.out_proj.weight`;

describe('LoRA names — every spelling leads to the weight', () => {
  it.each([
    [`lora_unet_${flat(ATTENTION)}_attn1_to_q.lora_down.weight`, 'lora_up', QUERY],
    [`unet.${ATTENTION}.attn1.to_q.lora_A.weight`, 'lora_B', QUERY],
    [`unet.${ATTENTION}.attn1.to_out.0.lora_A.default_0.weight`, 'lora_B', OUT],
    [`base_model.model.${ATTENTION}.attn1.to_q.lora_A.weight`, 'lora_B', QUERY],
    [`unet.base_model.model.${ATTENTION}.attn1.to_q.lora_A.weight`, 'lora_B', QUERY],
    [`${ATTENTION}.attn1.to_q.lora_A.weight`, 'lora_B', QUERY],
    [`unet.${ATTENTION}.attn1.to_q.lora.down.weight`, 'lora.up', QUERY],
    [`unet.${ATTENTION}.attn1.processor.to_q_lora.down.weight`, 'to_q_lora.up', QUERY],
    [`${ATTENTION}.attn1.processor.to_out_lora.down.weight`, 'to_out_lora.up', OUT],
  ])('names — %s', async (down, upWord, weight) => {
    const up = down.replace(/lora_down|lora_A|lora\.down|to_(?:q|out)_lora\.down/, upWord);
    const modules = await modulesOf({ [down]: f32([2, 6]), [up]: f32([6, 2]) });
    expect(modules).toEqual([{ ...PLAIN, part: 'unet', weight, shape: [6, 6], keys: { up, down } }]);
  });

  it.each([
    ['lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight', CLIP_QUERY],
    ['lora_te_encoder_layers_0_self_attn_q_proj.lora_down.weight', CLIP_QUERY],
    ['text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight', CLIP_QUERY],
    ['text_encoder.encoder.layers.0.self_attn.q_proj.lora_A.weight', CLIP_QUERY],
    ['text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_linear_layer.down.weight', CLIP_QUERY],
    ['text_encoder.text_model.encoder.layers.0.self_attn.to_out_lora.down.weight', CLIP_OUT],
  ])('names — %s', async (down, weight) => {
    const up = down.replace('lora_A', 'lora_B').replace('down', 'up');
    const modules = await modulesOf({ [down]: f32([1, 4]), [up]: f32([4, 1]) });
    expect(modules).toEqual([{ ...PLAIN, part: 'text_encoder', weight, shape: [4, 4], keys: { up, down } }]);
  });
});

describe('LoRA alpha — where it may stand', () => {
  const module = `unet.${ATTENTION}.attn1.to_q`;
  const factors = { [`${module}.lora_A.weight`]: f32([4, 6]), [`${module}.lora_B.weight`]: f32([6, 4]) };
  const alphaWith = async (config: object, extra: TensorMap = {}) =>
    (await modulesOf({ ...factors, ...extra }, { lora_adapter_metadata: JSON.stringify(config) }))[0]!.multiplier * 4;

  it('alpha — of the module, of the header by name, of the header, then the rank', async () => {
    const header = { 'unet.lora_alpha': 8, 'unet.r': 4, 'unet.alpha_pattern': { 'attn1.to_q': 3 } };
    expect(await alphaWith(header, { [`${module}.alpha`]: f32([], Float32Array.of(2)) })).toBe(2);
    expect(await alphaWith(header)).toBe(3);
    expect(await alphaWith({ ...header, 'unet.alpha_pattern': { n1_to_q: 3 } })).toBe(8);
    expect(await alphaWith({ 'text_encoder.lora_alpha': 8 })).toBe(4);
  });

  it('alpha — a rank-stabilised adapter is divided by the root of its rank', async () => {
    expect(await alphaWith({ 'unet.lora_alpha': 8, 'unet.use_rslora': true })).toBe(16);
  });

  it('alpha — DoRA in the header without magnitudes, broken JSON, and what is no number are refused', async () => {
    await expect(alphaWith({ 'unet.use_dora': true })).rejects.toMatchObject({ code: 'LORA_INVALID' });
    expect(await refused(factors, { lora_adapter_metadata: '{' })).toMatchObject({ code: 'LORA_INVALID' });
    const infinite = { [`${module}.alpha`]: f32([], Float32Array.of(Number.POSITIVE_INFINITY)) };
    expect(await refused({ ...factors, ...infinite })).toMatchObject({ code: 'LORA_INVALID' });
    expect(await refused({ ...factors, [`${module}.alpha`]: f32([3]) })).toMatchObject({ code: 'LORA_INVALID' });
  });
});

describe('LoRA files — what is made for something else', () => {
  const pair = (module: string, down: Shape, up: Shape): TensorMap => ({
    [`${module}.lora_down.weight`]: f32(down),
    [`${module}.lora_up.weight`]: f32(up),
  });

  it('lora — one for Stable Diffusion 2 is told by the width of its text', async () => {
    const error = await refused(pair(`lora_unet_${flat(ATTENTION)}_attn2_to_k`, [2, 1024], [6, 2]));
    expect(error).toMatchObject({ code: 'LORA_MISMATCH', details: { base: 'Stable Diffusion 2.x' } });
  });

  it.each([
    ['lora_te2_text_model_encoder_layers_0_mlp_fc1', 'Stable Diffusion XL'],
    ['lora_unet_input_blocks_4_1_proj_in', 'Stable Diffusion XL'],
    ['lora_unet_joint_blocks_3_x_block_attn_proj', 'Flux or Stable Diffusion 3'],
    ['transformer.single_transformer_blocks.0.attn.to_q', 'Flux or Stable Diffusion 3'],
  ])('lora — %s is of %s', async (module, base) => {
    expect(await refused(pair(module, [2, 6], [6, 2]))).toMatchObject({ code: 'LORA_MISMATCH', details: { base } });
  });

  it('lora — keys that mean nothing are listed beside keys that do', async () => {
    const known = pair(`lora_unet_${flat(ATTENTION)}_attn1_to_q`, [2, 6], [6, 2]);
    expect(await refused({ ...known, 'bundle_emb.face.string_to_param.*': f32([1]) })).toMatchObject({
      code: 'LORA_UNKNOWN_KEY',
      message: expect.stringContaining('bundle_emb.face'),
    });
  });

  it('lora — a whole checkpoint is called one', async () => {
    expect(await refused({ 'model.diffusion_model.out.2.bias': f32([4]) })).toMatchObject({
      code: 'LORA_INVALID',
      message: expect.stringContaining('whole checkpoint'),
    });
  });

  it('lora — one weight named twice is refused', async () => {
    const twice = { ...pair(`lora_unet_${flat(ATTENTION)}_attn1_to_q`, [2, 6], [6, 2]) };
    expect(await refused({ ...twice, [`unet.${ATTENTION}.attn1.to_q.lora_A.weight`]: f32([2, 6]) })).toMatchObject({
      code: 'LORA_INVALID',
      message: expect.stringContaining('both the down'),
    });
  });
});

const QUERY_NAME = `lora_unet_${flat(ATTENTION)}_attn1_to_q`;
const CONV_NAME = 'lora_unet_mid_block_resnets_0_conv1';

describe('LoRA kinds — what contradicts itself is told by weight and tensor', () => {
  const pair = { [`${QUERY_NAME}.lora_down.weight`]: f32([2, 6]), [`${QUERY_NAME}.lora_up.weight`]: f32([6, 2]) };
  const loha = {
    [`${QUERY_NAME}.hada_w1_a`]: f32([6, 2]),
    [`${QUERY_NAME}.hada_w1_b`]: f32([2, 6]),
    [`${QUERY_NAME}.hada_w2_a`]: f32([6, 2]),
    [`${QUERY_NAME}.hada_w2_b`]: f32([2, 6]),
  };

  it.each<[string, TensorMap, string, string]>([
    [
      'a core of another rank',
      { ...pair, [`${QUERY_NAME}.lora_mid.weight`]: f32([3, 2, 1, 1]) },
      'LORA_INVALID',
      'mid',
    ],
    ['half a LoHa', { ...loha, [`${QUERY_NAME}.hada_w2_b`]: f32([3, 6]) }, 'LORA_INVALID', 'LoHa'],
    [
      'a LoHa of another width',
      { ...loha, [`${QUERY_NAME}.hada_w1_b`]: f32([2, 5]), [`${QUERY_NAME}.hada_w2_b`]: f32([2, 5]) },
      'LORA_MISMATCH',
      '[6, 5]',
    ],
    ['a LoKr without its large side', { [`${QUERY_NAME}.lokr_w1`]: f32([2, 2]) }, 'LORA_INVALID', 'lokr_w2 factor'],
    [
      'a LoKr of another size',
      { [`${QUERY_NAME}.lokr_w1`]: f32([2, 2]), [`${QUERY_NAME}.lokr_w2`]: f32([3, 4]) },
      'LORA_MISMATCH',
      '[6, 8]',
    ],
    ['a rotation of other blocks', { [`${CONV_NAME}.oft_blocks`]: f32([2, 4, 4]) }, 'LORA_MISMATCH', '[8, 4, 3, 3]'],
    ['BOFT', { [`${CONV_NAME}.oft_blocks`]: f32([2, 2, 3, 3]) }, 'LORA_INVALID', 'OFT'],
    [
      'a magnitude of another length',
      { ...pair, [`${QUERY_NAME}.dora_scale`]: f32([5, 1]) },
      'LORA_INVALID',
      'dora_scale [5, 1]',
    ],
    [
      'nothing but a magnitude',
      { [`${QUERY_NAME}.dora_scale`]: f32([6, 1]) },
      'LORA_INVALID',
      'its factors are missing',
    ],
    ['an empty factor', { ...pair, [`${QUERY_NAME}.lora_mid.weight`]: f32([2, 2, 0, 1]) }, 'LORA_INVALID', 'mid'],
    [
      '(IA)³ of another width',
      { [`${QUERY_NAME}.weight`]: f32([5]), [`${QUERY_NAME}.on_input`]: f32([]) },
      'LORA_INVALID',
      '(IA)³',
    ],
    ['norms', { ...pair, [`${QUERY_NAME}.w_norm`]: f32([6]) }, 'LORA_UNSUPPORTED', 'norms'],
    [
      'a full difference of another shape',
      { [`${CONV_NAME}.diff`]: f32([6, 4, 1, 1]) },
      'LORA_MISMATCH',
      '[6, 4, 1, 1]',
    ],
  ])('kinds — %s', async (_, tensors, code, says) => {
    expect(await refused(tensors)).toMatchObject({ code, message: expect.stringContaining(says) });
  });

  it('kinds — NaN is found before anything is multiplied', async () => {
    const broken = { ...loha, [`${QUERY_NAME}.hada_w1_a`]: f32([6, 2], new Float32Array(12).fill(Number.NaN)) };
    const plan = await planLora(await fileOf(broken), BASE);
    await expect(readFactors(plan, 'unet')).rejects.toMatchObject({
      code: 'LORA_INVALID',
      message: expect.stringContaining('hada_w1_a holds NaN'),
    });
  });

  it('kinds — an alpha that overflowed does not count where there is no rank', async () => {
    const alpha = f32([], Float32Array.of(Number.POSITIVE_INFINITY));
    const whole = { [`${QUERY_NAME}.lokr_w1`]: f32([2, 2]), [`${QUERY_NAME}.lokr_w2`]: f32([3, 3]) };
    const [module] = await modulesOf({ ...whole, [`${QUERY_NAME}.alpha`]: alpha });
    expect(module?.multiplier).toBe(1);
  });
});

describe('LoRA factors — flattened and joined', () => {
  const filled = (shape: Shape, first: number) => {
    const made = f32(shape);
    made.data.forEach((_, i) => {
      made.data[i] = first + i;
    });
    return made;
  };

  it('factors — a convolution is a matrix, scale · alpha / rank is in the up factor', async () => {
    const name = 'lora_unet_mid_block_resnets_0_conv1';
    const plan = await planLora(
      await fileOf({
        [`${name}.lora_down.weight`]: filled([2, 4, 3, 3], 0),
        [`${name}.lora_up.weight`]: filled([6, 2, 1, 1], 1),
        [`${name}.alpha`]: tensor('i64', [], BigInt64Array.of(1n)),
      }),
      BASE,
    );
    const factors = joinFactors([{ factors: await readFactors(plan, 'unet'), scale: 3 }]);
    const { 'mid_block.resnets.0.conv1.weight.up': up, 'mid_block.resnets.0.conv1.weight.down': down } = factors;
    expect(down).toEqual(f32([2, 36], filled([2, 36], 0).data));
    expect(up?.shape).toEqual([6, 2]);
    expect(up?.data.slice(0, 3)).toEqual(Float32Array.of(1.5, 3, 4.5));
    expect(joinFactors([{ factors: await readFactors(plan, 'text_encoder'), scale: 3 }])).toEqual({});
  });

  it('factors — two LoRAs stand side by side, each with its own scale', async () => {
    const weight = 'mid_block.attentions.0.proj_in.weight';
    const one = await planLora(
      await fileOf({
        [`${weight.replace('.weight', '.lora_A.weight')}`]: filled([1, 6, 1, 1], 0),
        [`${weight.replace('.weight', '.lora_B.weight')}`]: filled([6, 1, 1, 1], 1),
      }),
      BASE,
    );
    const read = await readFactors(one, 'unet');
    const factors = joinFactors([
      { factors: read, scale: 1 },
      { factors: read, scale: -2 },
    ]);
    expect(factors[`${weight}.up`]).toEqual(f32([6, 2], Float32Array.of(1, -2, 2, -4, 3, -6, 4, -8, 5, -10, 6, -12)));
    expect(factors[`${weight}.down`]).toEqual(f32([2, 6], Float32Array.of(0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5)));
  });
});

function flat(path: string): string {
  return path.replaceAll('.', '_');
}
