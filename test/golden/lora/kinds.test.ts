import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openComponent } from '#shared/checkpoint/component.ts';
import { toF32 } from '#shared/checkpoint/float-values.ts';
import { joinFactors, readFactors } from '#shared/checkpoint/lora-factors.ts';
import { planLora } from '#shared/checkpoint/lora-file.ts';
import type { LoraBase } from '#shared/checkpoint/lora-names.ts';
import { openSafetensors } from '#shared/checkpoint/safetensors.ts';
import { branchFactors } from '#shared/session/branch-factors.ts';
import { type Factors, pairFactors } from '#shared/session/factors.ts';
import { PatchWorker } from '#shared/session/patch-worker.ts';
import { f32, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import recorded from '../data/lora/kinds/cases.json' with { type: 'json' };
import { expectClose, goldenPath, loadSafetensors } from '../reference.ts';

const PARTS = { unet: 'diffusion_pytorch_model.safetensors', text_encoder: 'model.safetensors' } as const;
/** Kinds that fit a side branch of a small rank. */
const LOW_RANK_KINDS = ['locon-tucker', 'loha', 'loha-tucker', 'lokr', 'lokr-tucker', 'lokr-full'];
const OTHER_KINDS = recorded.kinds.filter((kind) => !LOW_RANK_KINDS.includes(kind));
const SCALES = [1, -0.6];

type Part = keyof typeof PARTS;

let base: LoraBase;
let weights: Record<Part, TensorMap>;
const expected = await loadSafetensors(goldenPath('lora', 'kinds', 'expected.safetensors'));
const worker = new PatchWorker('test');

beforeAll(async () => {
  const parts = Object.entries(PARTS) as [Part, string][];
  const opened = await Promise.all(
    parts.map(async ([part, file]) => ({
      index: (await openComponent(goldenPath('sd15', part))).weights.index,
      tensors: await loadSafetensors(goldenPath('sd15', part, file)),
    })),
  );
  base = { unet: opened[0]!.index, text_encoder: opened[1]!.index };
  weights = { unet: opened[0]!.tensors, text_encoder: opened[1]!.tensors };
});

afterAll(() => worker.close());

async function patchesOf(loras: readonly { kind: string; scale: number }[], part: Part): Promise<Factors[]> {
  const scaled = loras.map(async ({ kind, scale }) => {
    const plan = await planLora(await openSafetensors(goldenPath('lora', 'kinds', `${kind}.safetensors`)), base);
    return { factors: await readFactors(plan, part), scale };
  });
  return pairFactors(joinFactors(await Promise.all(scaled)), base[part]!);
}

/** The weight as the device's own thread patches it. */
async function patched(part: Part, patch: Factors): Promise<Tensor<'f32'>> {
  const values = toF32(weights[part][patch.weight]!)!;
  const shared = new Float32Array(new SharedArrayBuffer(values.byteLength));
  shared.set(values);
  return f32(patch.shape, await worker.patched(shared, patch));
}

/** What the recorded weight is at another scale: every kind adds in proportion to it. */
function scaledTo(part: Part, recordedWeight: { weight: string; merged: Tensor; scale: number }): Tensor<'f32'> {
  const { weight, merged, scale } = recordedWeight;
  const plain = toF32(weights[part][weight]!)!;
  return f32(
    merged.shape,
    plain.map((value, i) => value + scale * ((merged.data[i] as number) - value)),
  );
}

describe('adapters — every kind, as its own code writes and merges it', () => {
  it.each(recorded.kinds.flatMap((kind) => SCALES.map((scale) => ({ kind, scale }))))(
    'lora — $kind at $scale',
    async ({ kind, scale }) => {
      const names = Object.keys(expected).filter((name) => name.startsWith(`${kind}/`));
      const parts = [...new Set(names.map((name) => name.split('/')[1] as Part))];
      let compared = 0;
      for (const part of parts) {
        for (const patch of await patchesOf([{ kind, scale }], part)) {
          const name = `${kind}/${part}/${patch.weight}`;
          const want = scaledTo(part, { weight: patch.weight, merged: expected[name]!, scale });
          expectClose(name, await patched(part, patch), want, recorded.tolerance);
          compared++;
        }
      }
      expect(compared).toBe(names.length);
    },
  );

  it('lora — several kinds on one weight add up, whatever their order', async () => {
    const loras = [
      { kind: 'dora', scale: 0.5 },
      { kind: 'loha', scale: -0.25 },
      { kind: 'oft', scale: 1 },
    ];
    const [patch] = await patchesOf(loras, 'text_encoder');
    const [reversed] = await patchesOf(loras.toReversed(), 'text_encoder');
    const plain = toF32(weights.text_encoder[patch!.weight]!)!;
    const sum = plain.map((value, i) =>
      loras.reduce(
        (total, { kind, scale }) =>
          total + scale * ((expected[`${kind}/text_encoder/${patch!.weight}`]!.data[i] as number) - value),
        value,
      ),
    );
    expectClose('sum', await patched('text_encoder', patch!), f32(patch!.shape, sum), recorded.tolerance);
    expectClose('reversed', await patched('text_encoder', reversed!), f32(patch!.shape, sum), recorded.tolerance);
  });
});

describe('adapters — beside constant weights', () => {
  it.each(LOW_RANK_KINDS)('lora — %s is a side branch of its rank', async (kind) => {
    const patches = await patchesOf([{ kind, scale: 0.7 }], 'unet');
    const { arrays, branches } = branchFactors(patches);
    for (const patch of patches) {
      const outputs = patch.shape[0]!;
      const up = f32([outputs, branches.rank], arrays.get(`${patch.weight}.up`)!);
      const down = arrays.get(`${patch.weight}.down`)!;
      const asFactors = { ...patch, factors: { up, down: f32([branches.rank, down.length / branches.rank], down) } };
      const beside = await patched('unet', { ...asFactors, changes: [] });
      expectClose(`${kind} ${patch.weight}`, beside, await patched('unet', patch), recorded.tolerance);
    }
  });

  it.each(OTHER_KINDS)('lora — %s has no low rank, and is refused with what to do', async (kind) => {
    const patches = await patchesOf([{ kind, scale: 1 }], 'unet');
    expect(() => branchFactors(patches)).toThrow(
      expect.objectContaining({
        code: 'LORA_UNSUPPORTED',
        message: expect.stringContaining('LATENTMESH_LORA_STRATEGY=fed'),
      }),
    );
  });
});
