import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toF32 } from '#shared/checkpoint/float-values.ts';
import { loraBase } from '#shared/checkpoint/lora-base.ts';
import { joinFactors, readFactors } from '#shared/checkpoint/lora-factors.ts';
import { planLora } from '#shared/checkpoint/lora-file.ts';
import type { LoraBase } from '#shared/checkpoint/lora-names.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import { openSafetensors } from '#shared/checkpoint/safetensors.ts';
import { pairFactors } from '#shared/session/factors.ts';
import { PatchWorker } from '#shared/session/patch-worker.ts';
import { f32, type TensorMap } from '#shared/tensor/tensor.ts';
import recorded from '../data/lora/expected-xl.json' with { type: 'json' };
import { expectClose, goldenPath, loadSafetensors } from '../reference.ts';

const FILES = {
  unet: 'diffusion_pytorch_model.safetensors',
  text_encoder: 'model.safetensors',
  text_encoder_2: 'model.safetensors',
} as const;
type Part = keyof typeof FILES;
const PARTS = Object.keys(FILES) as Part[];

const expected = await loadSafetensors(goldenPath('lora', 'expected-xl.safetensors'));
const worker = new PatchWorker('test');
let base: LoraBase;
const weights = new Map<Part, TensorMap>();

beforeAll(async () => {
  base = await loraBase(await openPipeline(goldenPath('sdxl')));
  for (const part of PARTS) weights.set(part, await loadSafetensors(goldenPath('sdxl', part, FILES[part])));
});

afterAll(() => worker.close());

describe('LoRA of SDXL — by SGM’s block names and by diffusers’, two text encoders', () => {
  const names = Object.keys(expected).filter((name) => name.includes('/merged/'));
  const cases = recorded.cases.filter((row) => names.some((name) => name.startsWith(`${row.case}/`)));

  it.each(cases)('lora — $case', async ({ case: row, loras }) => {
    let compared = 0;
    for (const part of PARTS) {
      const read = loras.map(async ({ file, scale }) => {
        const plan = await planLora(await openSafetensors(goldenPath('lora', file)), base);
        return { factors: await readFactors(plan, part), scale };
      });
      const patches = pairFactors(joinFactors(await Promise.all(read)), base[part]!);
      for (const patch of patches) {
        const name = `${row}/merged/${part}/${patch.weight}`;
        if (!expected[name]) continue;
        const values = toF32(weights.get(part)![patch.weight]!)!;
        const shared = new Float32Array(new SharedArrayBuffer(values.byteLength));
        shared.set(values);
        const merged = f32(patch.shape, await worker.patched(shared, patch));
        expectClose(name, merged, expected[name], recorded.tolerances.merged.tolerance);
        compared++;
      }
    }
    expect(compared).toBe(names.filter((name) => name.startsWith(`${row}/`)).length);
  });
});
