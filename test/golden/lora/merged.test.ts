import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openComponent } from '#shared/checkpoint/component.ts';
import { toF32 } from '#shared/checkpoint/float-values.ts';
import { joinFactors, readFactors } from '#shared/checkpoint/lora-factors.ts';
import { planLora } from '#shared/checkpoint/lora-file.ts';
import type { LoraBase } from '#shared/checkpoint/lora-names.ts';
import { openSafetensors } from '#shared/checkpoint/safetensors.ts';
import { f32, pick, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import recorded from '../data/lora/expected.json' with { type: 'json' };
import { expectClose, goldenPath, loadSafetensors } from '../reference.ts';

const COMPONENT_FOLDERS = { unet: 'unet', text_encoder: 'text_encoder' } as const;
type LoraPart = keyof typeof COMPONENT_FOLDERS;
const PARTS = Object.keys(COMPONENT_FOLDERS) as LoraPart[];
const FILES = { unet: 'diffusion_pytorch_model.safetensors', text_encoder: 'model.safetensors' } as const;

let base: LoraBase;
let weights: Record<LoraPart, TensorMap>;
const expected = await loadSafetensors(goldenPath('lora', 'expected.safetensors'));

beforeAll(async () => {
  const [unet, textEncoder] = await Promise.all(PARTS.map((part) => openComponent(goldenPath('sd15', part))));
  base = { unet: unet!.weights.index, text_encoder: textEncoder!.weights.index };
  const [unetWeights, textWeights] = await Promise.all(
    PARTS.map((part) => loadSafetensors(goldenPath('sd15', part, FILES[part]))),
  );
  weights = { unet: unetWeights!, text_encoder: textWeights! };
});

async function factorsOf(loras: readonly { file: string; scale: number }[], part: LoraPart): Promise<TensorMap> {
  const read = loras.map(async ({ file, scale }) => {
    const plan = await planLora(await openSafetensors(goldenPath('lora', file)), base);
    return { factors: await readFactors(plan, part), scale };
  });
  return joinFactors(await Promise.all(read));
}

/** W + up @ down in doubles, rounded once. */
function merge(weight: Tensor, up: Tensor<'f32'>, down: Tensor<'f32'>): Tensor<'f32'> {
  const values = toF32(weight)!;
  const [outputs, rank] = up.shape as [number, number];
  const inputs = down.shape[1]!;
  const merged = f32(weight.shape);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      let sum = values[o * inputs + i]!;
      for (let r = 0; r < rank; r++) sum += up.data[o * rank + r]! * down.data[r * inputs + i]!;
      merged.data[o * inputs + i] = sum;
    }
  }
  return merged;
}

describe('LoRA — merged weights agree with the reference', () => {
  const names = Object.keys(expected);
  const cases = recorded.cases.filter((row) => names.some((name) => name.startsWith(`${row.case}/merged/`)));

  it.each(cases)('lora — $case', async ({ case: name, loras }) => {
    for (const part of PARTS) {
      const prefix = join(name, 'merged', part, '/');
      const factors = await factorsOf(loras, part);
      for (const key of names.filter((candidate) => candidate.startsWith(prefix))) {
        const weight = key.slice(prefix.length);
        const merged = merge(
          weights[part][weight]!,
          pick(factors, `${weight}.up`, 'f32'),
          pick(factors, `${weight}.down`, 'f32'),
        );
        expectClose(key, merged, expected[key]!, recorded.tolerances.merged.tolerance);
      }
    }
  });

  it('lora — one adapter in three formats gives the same factors', async () => {
    for (const part of PARTS) {
      const kohya = await factorsOf([{ file: 'a-kohya.safetensors', scale: 1 }], part);
      for (const file of ['a-peft.safetensors', 'a-peft-metadata.safetensors']) {
        const peft = await factorsOf([{ file, scale: 1 }], part);
        expect(Object.keys(peft).sort()).toEqual(Object.keys(kohya).sort());
        for (const [name, factor] of Object.entries(peft)) expectClose(`${file} ${name}`, factor, kohya[name]!, 1e-6);
      }
    }
  });

  it('lora — a joined factor has the ranks of all files', async () => {
    const loras = [
      { file: 'a-kohya.safetensors', scale: 0.8 },
      { file: 'b-kohya.safetensors', scale: -0.4 },
    ];
    const factors = await factorsOf(loras, 'unet');
    const weight = 'mid_block.attentions.0.transformer_blocks.0.attn2.to_v.weight';
    expect(factors[`${weight}.up`]?.shape).toEqual([48, 12]);
    expect(factors[`${weight}.down`]?.shape).toEqual([12, 32]);
  });
});
