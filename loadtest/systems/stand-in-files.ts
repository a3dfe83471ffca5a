/** Small files that stand for ControlNets and LoRAs of another size: the mesh finds, checks and reads them as any other. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { controlNetShapes } from '#infra/checkpoint/network-shapes.ts';
import { openComponent } from '#shared/checkpoint/component.ts';
import { type TensorToWrite, tensorsToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { elementCount, f32 } from '#shared/tensor/tensor.ts';

/** A module that every UNet has. */
const MODULE = /\.attn2\.to_q\.weight$/;
const HINT_CHANNELS = [16, 32, 96, 256];

/** A ControlNet of zeros for a model's UNet. */
export async function writeControlNet(folder: string, modelFolder: string): Promise<void> {
  const unet = JSON.parse(await readFile(join(modelFolder, 'unet', 'config.json'), 'utf8')) as Record<string, unknown>;
  const { out_channels: _, up_block_types: __, sample_size: ___, ...encoder } = unet;
  const config = {
    ...encoder,
    _class_name: 'ControlNetModel',
    conditioning_channels: 3,
    conditioning_embedding_out_channels: HINT_CHANNELS,
    controlnet_conditioning_channel_order: 'rgb',
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  const weights = [...controlNetShapes(config)].map(([name, shape]): TensorToWrite => {
    return { name, dtype: 'f16', shape, bytes: () => [new Uint8Array(elementCount(shape) * 2)] };
  });
  await writeSafetensors(join(folder, 'diffusion_pytorch_model.safetensors'), weights);
}

/**
 * Writes LoRAs of rank 1 on one module of a model's UNet, in kohya's format, each with numbers of its own.
 * @returns bytes of the factors of one
 */
export async function writeLoras(folder: string, modelFolder: string, names: Iterable<string>): Promise<number> {
  await mkdir(folder, { recursive: true });
  const { weights } = await openComponent(join(modelFolder, 'unet'));
  const [name, shape] = [...weights.index].find(([weight]) => MODULE.test(weight))!;
  const module = `lora_unet_${name.slice(0, -'.weight'.length).replaceAll('.', '_')}`;
  const [rows, columns] = shape as [number, number];
  let nth = 0;
  for (const lora of names) {
    nth++;
    const tensors = {
      [`${module}.lora_up.weight`]: f32([rows, 1], new Float32Array(rows).fill(nth)),
      [`${module}.lora_down.weight`]: f32([1, columns]),
      [`${module}.alpha`]: f32([], Float32Array.of(1)),
    };
    await writeSafetensors(join(folder, `${lora}.safetensors`), tensorsToWrite(tensors));
  }
  return Float32Array.BYTES_PER_ELEMENT * (rows + columns);
}
