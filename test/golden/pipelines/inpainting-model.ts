/** A small inpainting model, made of the one that is here. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tensorsToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { pick, tensor } from '#shared/tensor/tensor.ts';
import { goldenPath, loadSafetensors } from '../reference.ts';

/** The small checkpoint with a first convolution that also sees a mask and what it leaves: 4 + 1 + 4 channels. */
export async function copyInpaintingModel(folder: string): Promise<string> {
  const numbers = await loadSafetensors(goldenPath('start', 'pictures.safetensors'));
  await cp(goldenPath('sd15'), folder, { recursive: true });
  const [config, weights] = ['config.json', 'diffusion_pytorch_model.safetensors'].map((name) =>
    join(folder, 'unet', name),
  );
  await writeFile(config!, JSON.stringify({ ...JSON.parse(await readFile(config!, 'utf8')), in_channels: 9 }));
  const tensors = await loadSafetensors(weights!);
  const [narrow, more] = [pick(tensors, 'conv_in.weight', 'f16'), pick(numbers, 'conv_in_more', 'f16')];
  const wide = tensor('f16', [16, 9, 3, 3], new Uint16Array(16 * 9 * 9));
  for (let out = 0; out < 16; out++) {
    wide.data.set(narrow.data.subarray(out * 36, (out + 1) * 36), out * 81);
    wide.data.set(more.data.subarray(out * 45, (out + 1) * 45), out * 81 + 36);
  }
  await writeSafetensors(weights!, tensorsToWrite({ ...tensors, 'conv_in.weight': wide }));
  return folder;
}
