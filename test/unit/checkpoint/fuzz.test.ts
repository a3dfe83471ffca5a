import { describe, expect, it } from 'vitest';
import { parseClipTextConfig } from '#shared/checkpoint/clip-text-config.ts';
import { isRecord, type JsonRecord } from '#shared/checkpoint/json-file.ts';
import { planLora } from '#shared/checkpoint/lora-file.ts';
import type { LoraBase } from '#shared/checkpoint/lora-names.ts';
import { parseHeader, type TensorEntry } from '#shared/checkpoint/safetensors-header.ts';
import { parseControlNetConfig, parseUnetConfig } from '#shared/checkpoint/unet-config.ts';
import { parseVaeConfig } from '#shared/checkpoint/vae-config.ts';
import type { ErrorCode } from '#shared/errors/errors.ts';
import type { DType, Shape } from '#shared/tensor/tensor.ts';
import { fuzz, type Random, refusal } from '#test/fuzz.ts';
import controlNet from '../../golden/data/sd15/controlnet-a/config.json' with { type: 'json' };
import text from '../../golden/data/sd15/text_encoder/config.json' with { type: 'json' };
import unet from '../../golden/data/sd15/unet/config.json' with { type: 'json' };
import vae from '../../golden/data/sd15/vae/config.json' with { type: 'json' };

const ROUNDS = 2000;

/** Runs all rounds; some have to be refused and some taken, or the changes are no test. */
async function expectOrderly(codes: readonly ErrorCode[], run: (random: Random) => unknown): Promise<void> {
  let refused = 0;
  await fuzz(ROUNDS, async (random) => {
    const error = await refusal(() => run(random));
    if (!error) return;
    refused++;
    expect(codes).toContain(error.code);
  });
  expect(refused).toBeGreaterThan(ROUNDS / 50);
  expect(refused).toBeLessThan(ROUNDS);
}

describe('fuzz — safetensors headers', () => {
  const HEADER = {
    __metadata__: { format: 'pt' },
    a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
    b: { dtype: 'F16', shape: [4], data_offsets: [24, 32] },
    c: { dtype: 'U8', shape: [], data_offsets: [32, 33] },
  };
  const data = { start: 8, length: 33 };
  const parse = (bytes: Uint8Array): void => {
    const { tensors } = parseHeader('/m/x.safetensors', bytes, data);
    const total = [...tensors.values()].reduce((sum, { length }) => sum + length, 0);
    expect(total).toBe(data.length);
  };

  it('with a part replaced', async () => {
    await expectOrderly(['SAFETENSORS_INVALID'], (random) => parse(Buffer.from(JSON.stringify(random.mutate(HEADER)))));
  });

  it('with damaged bytes', async () => {
    const bytes = Buffer.from(JSON.stringify(HEADER));
    await expectOrderly(['SAFETENSORS_INVALID'], (random) => parse(random.damage(bytes)));
  });
});

describe('fuzz — configurations', () => {
  const parsers: Record<string, [JsonRecord, (path: string, config: JsonRecord) => unknown]> = {
    'a UNet': [unet, parseUnetConfig],
    'a ControlNet': [controlNet, parseControlNetConfig],
    'a VAE': [vae, parseVaeConfig],
    'a text encoder': [text, parseClipTextConfig],
  };

  it.each(Object.entries(parsers))('of %s', async (_, [config, parse]) => {
    await expectOrderly(['CONFIG_INVALID', 'CONFIG_UNSUPPORTED'], (random) => {
      const changed = random.mutate(config);
      parse('/m/config.json', isRecord(changed) ? changed : { changed });
    });
  });
});

describe('fuzz — LoRA files', () => {
  const QUERY = 'mid_block.attentions.0.transformer_blocks.0.attn1.to_q';
  const BASE: LoraBase = {
    unet: new Map<string, Shape>([
      [`${QUERY}.weight`, [6, 6]],
      ['mid_block.resnets.0.conv1.weight', [6, 4, 3, 3]],
    ]),
    text_encoder: new Map<string, Shape>([['text_model.encoder.layers.0.self_attn.q_proj.weight', [4, 4]]]),
  };
  const KEYS: readonly (readonly [string, Shape])[] = [
    [`lora_unet_${QUERY.replaceAll('.', '_')}.lora_down.weight`, [2, 6]],
    [`lora_unet_${QUERY.replaceAll('.', '_')}.lora_up.weight`, [6, 2]],
    ['unet.mid_block.resnets.0.conv1.lora_A.weight', [2, 4, 3, 3]],
    ['unet.mid_block.resnets.0.conv1.lora_B.weight', [6, 2, 1, 1]],
    ['text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora.down.weight', [1, 4]],
    ['text_encoder.text_model.encoder.layers.0.self_attn.to_q_lora.up.weight', [4, 1]],
  ];
  const DTYPES: readonly DType[] = ['f32', 'f16', 'bf16', 'i64', 'u8', 'bool'];

  const entryOf = (random: Random, [key, shape]: readonly [string, Shape]): TensorEntry => {
    const isChanged = random.next() < 0.2;
    const name = isChanged ? Buffer.from(random.damage(Buffer.from(key))).toString('utf8') : key;
    const sizes = random.next() < 0.1 ? shape.toSpliced(random.below(shape.length), 1, random.below(9)) : shape;
    return { name, dtype: random.next() < 0.05 ? random.pick(DTYPES) : 'f32', shape: sizes, offset: 0, length: 0 };
  };

  it('with names, shapes and kinds changed', async () => {
    const codes: ErrorCode[] = ['LORA_INVALID', 'LORA_UNSUPPORTED', 'LORA_UNKNOWN_KEY', 'LORA_MISMATCH'];
    await expectOrderly(codes, async (random) => {
      const entries = KEYS.filter(() => random.next() < 0.95).map((key) => entryOf(random, key));
      const tensors = new Map(entries.map((entry) => [entry.name, entry]));
      const config = random.mutate({ 'unet.lora_alpha': 8, 'unet.alpha_pattern': { [QUERY]: 2 }, 'unet.r': 2 });
      const metadata = random.next() < 0.5 ? {} : { lora_adapter_metadata: JSON.stringify(config) };
      const { modules } = await planLora({ path: import.meta.filename, tensors, metadata }, BASE);
      expect(modules.every(({ multiplier }) => Number.isFinite(multiplier))).toBe(true);
    });
  });
});
