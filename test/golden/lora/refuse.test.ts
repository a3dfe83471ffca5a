import { beforeAll, describe, expect, it } from 'vitest';
import { openComponent } from '#shared/checkpoint/component.ts';
import { planLora } from '#shared/checkpoint/lora-file.ts';
import type { LoraBase } from '#shared/checkpoint/lora-names.ts';
import { openSafetensors } from '#shared/checkpoint/safetensors.ts';
import type { ErrorCode } from '#shared/errors/errors.ts';
import recorded from '../data/lora/refuse/cases.json' with { type: 'json' };
import { goldenPath } from '../reference.ts';

const REASONS: Readonly<Record<string, readonly [ErrorCode, RegExp]>> = {
  'missing-up.safetensors': ['LORA_INVALID', /up factor of down_blocks.*attn1\.to_k\.weight is missing/],
  'not-safetensors.safetensors': ['SAFETENSORS_INVALID', /header length/],
  'other-width.safetensors': ['LORA_MISMATCH', /attn1\.to_k\.weight is \[32, 64\], this model's is \[32, 32\]/],
  'rank-mismatch.safetensors': ['LORA_INVALID', /do not fit each other \(LoRA\): .*up \[32, 3\]/],
  'truncated-header.safetensors': ['SAFETENSORS_INVALID', /header/],
  'truncated.safetensors': ['SAFETENSORS_INVALID', /cut off/],
  'unknown-module.safetensors': ['LORA_UNKNOWN_KEY', /lora_unet_/],
  'unrelated.safetensors': ['LORA_INVALID', /no LoRA/],
};

let base: LoraBase;

beforeAll(async () => {
  const unet = await openComponent(goldenPath('sd15', 'unet'));
  const textEncoder = await openComponent(goldenPath('sd15', 'text_encoder'));
  base = { unet: unet.weights.index, text_encoder: textEncoder.weights.index };
});

describe('LoRA — files that are refused by code, name and reason', () => {
  it.each(recorded.cases.filter(({ file }) => file in REASONS))('lora — $file is refused', async ({ file }) => {
    const [code, reason] = REASONS[file]!;
    const planned = openSafetensors(goldenPath('lora/refuse', file)).then((opened) => planLora(opened, base));
    await expect(planned).rejects.toMatchObject({ code, message: expect.stringMatching(reason) });
    await expect(planned).rejects.toThrow(file);
  });
});
