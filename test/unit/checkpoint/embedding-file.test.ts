import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { embeddingBase, embeddingTensors, readEmbedding } from '#shared/checkpoint/embedding-file.ts';
import { openSafetensors, type SafetensorsFile } from '#shared/checkpoint/safetensors.ts';
import { tensorsToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { f32, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';

const folder = await temporaryFolder();
let files = 0;

async function fileOf(tensors: TensorMap): Promise<SafetensorsFile> {
  const path = join(folder, `${files++}.safetensors`);
  await writeSafetensors(path, tensorsToWrite(tensors));
  return openSafetensors(path);
}

describe('textual inversion — files', () => {
  it.each<[string, TensorMap, number, number]>([
    ['A1111, several vectors', { emb_params: f32([4, 8], new Float32Array(32).fill(2)) }, 8, 4],
    ['A1111, one vector', { emb_params: f32([8], new Float32Array(8).fill(2)) }, 8, 1],
    ['diffusers, by its word', { '<cat-toy>': f32([1, 8], new Float32Array(8).fill(2)) }, 8, 1],
    ['SDXL, the second encoder', { clip_l: f32([2, 8]), clip_g: f32([2, 12], new Float32Array(24).fill(2)) }, 12, 2],
  ])('embedding — %s', async (_, tensors, width, vectors) => {
    const read = await readEmbedding(await fileOf(tensors), width);
    expect(read).toEqual(f32([vectors, width], new Float32Array(vectors * width).fill(2)));
  });

  it('embedding — half precision is widened', async () => {
    const halves = new Uint16Array(new Float16Array([1.5, -2]).buffer);
    const read = await readEmbedding(await fileOf({ emb_params: tensor('f16', [1, 2], halves) }), 2);
    expect([...read.data]).toEqual([1.5, -2]);
  });

  it('embedding — its widths tell the base', async () => {
    const base = async (tensors: TensorMap) => embeddingBase(embeddingTensors(await fileOf(tensors)));
    expect(await base({ emb_params: f32([1, 768]) })).toBe('Stable Diffusion 1.x');
    expect(await base({ emb_params: f32([1, 1024]) })).toBe('Stable Diffusion 2.x');
    expect(await base({ clip_g: f32([1, 1280]), clip_l: f32([1, 768]) })).toBe('Stable Diffusion XL');
  });

  it.each<[string, TensorMap, string, string]>([
    ['another width', { emb_params: f32([1, 768]) }, 'EMBEDDING_MISMATCH', 'made for Stable Diffusion 1.x'],
    ['a LoRA', { 'lora_unet_x.lora_down.weight': f32([1, 8]) }, 'EMBEDDING_INVALID', 'no vectors of a known name'],
    ['nothing', {}, 'EMBEDDING_INVALID', 'no vectors'],
    ['too many', { emb_params: f32([76, 8]) }, 'EMBEDDING_INVALID', '1 to 75'],
    ['NaN', { emb_params: f32([1, 8], new Float32Array(8).fill(Number.NaN)) }, 'EMBEDDING_INVALID', 'NaN'],
    ['whole numbers', { emb_params: tensor('i32', [1, 8], new Int32Array(8)) }, 'EMBEDDING_INVALID', 'no vectors'],
  ])('embedding — %s is refused', async (_, tensors, code, says) => {
    const reading = fileOf(tensors).then((file) => readEmbedding(file, 8));
    await expect(reading).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
  });
});
