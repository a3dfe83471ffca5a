import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { inspectModel } from '#shared/checkpoint/inspect/inspect.ts';
import { tensorsToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { f32 } from '#shared/tensor/tensor.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';
import { type TwinCheckpoint, writeTwins } from '#test/twin-checkpoint.ts';
import { inspectText } from '../../../services/cli/inspect-text.ts';
import { goldenPath } from '../reference.ts';

const folder = await temporaryFolder();
let twins: TwinCheckpoint;

beforeAll(async () => {
  twins = await writeTwins(folder);
});

describe('models inspect — what a file is', () => {
  it('inspect — a single-file checkpoint: base, parts, and that it loads', async () => {
    const report = await inspectModel(twins.file);
    expect(report).toMatchObject({ kind: 'checkpoint (single file)', base: 'Stable Diffusion 1.x', loads: true });
    expect(report.parts.map(({ part }) => part).sort()).toEqual(['other', 'text_encoder', 'unet', 'vae']);
    expect(inspectText(report)).toMatch(/unet: 684 tensors, [\d.]+ M parameters, f16, [\s\S]*loads$/);
  });

  it('inspect — a lone VAE, a lone ControlNet, a folder', async () => {
    expect(await inspectModel(twins.vaeFile)).toMatchObject({ kind: 'vae', loads: true });
    expect(await inspectModel(twins.controlNetFile)).toMatchObject({ kind: 'controlnet', loads: true });
    expect(await inspectModel(goldenPath('sd15'))).toMatchObject({
      kind: 'checkpoint (folder of diffusers)',
      loads: true,
    });
    expect(await inspectModel(goldenPath('sd15', 'unet'))).toMatchObject({ kind: 'network (folder of diffusers)' });
  });

  it.each([
    ['a-kohya', { kinds: { LoRA: expect.any(Number) }, ranks: [4, 4], naming: 'kohya' }],
    ['a-peft', { naming: 'PEFT' }],
    ['a-old-diffusers', { naming: 'old diffusers' }],
    ['kinds/dora', { kinds: { 'DoRA of LoRA': 5 } }],
    ['kinds/loha', { kinds: { LoHa: 5 }, ranks: [4, 4] }],
    ['kinds/lokr', { kinds: { LoKr: 5 } }],
    ['kinds/oft', { kinds: { OFT: 5 } }],
    ['kinds/ia3', { kinds: { '(IA)³': 5 } }],
  ])('inspect — the LoRA %s, alone and against a model', async (name, adapter) => {
    const path = goldenPath('lora', `${name}.safetensors`);
    expect(await inspectModel(path)).toMatchObject({ kind: 'lora', adapter, loads: true, note: expect.any(String) });
    expect(await inspectModel(path, { model: goldenPath('sd15') })).toMatchObject({ loads: true });
  });

  it('inspect — a LoRA for another model says why it does not load', async () => {
    const report = await inspectModel(goldenPath('lora', 'refuse', 'other-width.safetensors'), {
      model: goldenPath('sd15'),
    });
    expect(report).toMatchObject({ loads: false, problem: { code: 'LORA_MISMATCH' } });
    expect(inspectText(report)).toMatch(/does not load: LORA_MISMATCH: .*\[32, 64\]/);
  });

  it('inspect — an embedding, and the base that its width tells', async () => {
    const path = join(folder, 'cat-toy.safetensors');
    await writeSafetensors(path, tensorsToWrite({ emb_params: f32([3, 768]) }), { name: 'cat-toy' });
    const report = await inspectModel(path);
    expect(report).toMatchObject({ kind: 'embedding (textual inversion)', base: 'Stable Diffusion 1.x', loads: true });
    expect(inspectText(report)).toContain('name: cat-toy');
  });

  it('inspect — what cannot be read is told, and nothing is read of what is not there', async () => {
    await mkdir(join(folder, 'bad'));
    const whole = await readFile(goldenPath('lora', 'a-kohya.safetensors'));
    await writeFile(join(folder, 'bad', 'half.safetensors'), whole.subarray(0, whole.length / 2));
    await writeFile(join(folder, 'bad', 'empty.safetensors'), '');
    await writeFile(join(folder, 'bad', 'model.ckpt'), 'PK');
    expect(await inspectModel(join(folder, 'bad', 'half.safetensors'))).toMatchObject({
      problem: { code: 'SAFETENSORS_INVALID' },
    });
    expect(await inspectModel(join(folder, 'bad', 'empty.safetensors'))).toMatchObject({ loads: false });
    expect((await inspectModel(join(folder, 'bad', 'model.ckpt'))).problem?.message).toContain('weights_only=True');
    await expect(inspectModel(join(folder, 'gone'))).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});
