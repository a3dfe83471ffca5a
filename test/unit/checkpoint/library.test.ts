import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Library } from '#shared/checkpoint/library.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';

const folder = await temporaryFolder();
const model = join(folder, 'model');
const extra = join(folder, 'extra');
const CONTROLNET = '{"_class_name":"ControlNetModel"}';

async function write(path: string, text = ''): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

beforeAll(async () => {
  await write(join(model, 'unet/config.json'), '{"_class_name":"UNet2DConditionModel"}');
  await write(join(model, 'canny/config.json'), CONTROLNET);
  await write(join(model, 'controlnets/depth/config.json'), CONTROLNET);
  await write(join(model, 'controlnets/broken/config.json'), '{');
  await write(join(model, 'loras/sketch.safetensors'));
  await write(join(model, 'loras/readme.txt'));
  await write(join(extra, 'neon.v2.safetensors'));
  await write(join(extra, 'sketch.safetensors'));
  await write(join(extra, 'pose/config.json'), CONTROLNET);
  await write(join(folder, 'secret.safetensors'));
});

const library = new Library(model, { controlNetFolders: [extra], loraFolders: [extra, join(folder, 'absent')] });

describe('library — what a model has', () => {
  it('library — ControlNets are the folders that say so, in the model and beside it', async () => {
    const entries = await library.listControlNets();
    expect(entries.map(({ name }) => name)).toEqual(['canny', 'depth', 'pose']);
  });

  it("library — LoRAs are safetensors files; the model's own win", async () => {
    const entries = await library.listLoras();
    expect(entries.map(({ name }) => name)).toEqual(['neon.v2', 'sketch']);
    expect((await library.findLora('sketch')).path).toBe(join(model, 'loras/sketch.safetensors'));
  });

  it('library — a file that arrives later is found', async () => {
    await write(join(extra, 'late.safetensors'));
    expect((await library.findLora('late')).path).toBe(join(extra, 'late.safetensors'));
  });
});

describe('library — names that are none', () => {
  it('library — an unknown name comes back with the nearest', async () => {
    await expect(library.findLora('sketsh')).rejects.toMatchObject({
      code: 'UNKNOWN_LORA',
      details: { nearest: ['sketch'] },
    });
    await expect(library.findControlNet('cany')).rejects.toMatchObject({
      code: 'UNKNOWN_CONTROLNET',
      message: expect.stringContaining('Did you mean canny'),
    });
    await expect(library.findControlNet('unet')).rejects.toMatchObject({ code: 'UNKNOWN_CONTROLNET' });
  });

  it.each(['../secret', 'sub/name', '..\\secret', 'nul\0byte'])('library — %j is no name', async (name) => {
    await expect(library.findLora(name)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(library.findControlNet(name)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  it.each(['..', '.', '', 'sketch.safetensors'])('library — %j is unknown', async (name) => {
    await expect(library.findLora(name)).rejects.toMatchObject({ code: 'UNKNOWN_LORA' });
  });

  it('library — an absolute path is taken only where paths are allowed', async () => {
    const path = join(folder, 'secret.safetensors');
    await expect(library.findLora(path)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    const open = new Library(model, { allowPaths: true });
    expect(await open.findLora(path)).toEqual({ name: 'secret', path });
    await expect(open.findLora('../secret')).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });
});

describe('library — where files lie', () => {
  const failing =
    (path: string, more: object = {}) =>
    async () => {
      throw new MeshError('SAFETENSORS_INVALID', `${path} is cut off.`, { file: path, ...more });
    };
  const told = (path: string, more?: object): Promise<unknown> => library.reading(failing(path, more)).catch((e) => e);

  it('library — errors name files from its folders on', async () => {
    expect(await told(join(model, 'loras/sketch.safetensors'))).toMatchObject({
      message: 'sketch.safetensors is cut off.',
      details: { file: 'sketch.safetensors' },
    });
    expect(await told(join(model, 'canny/config.json'))).toMatchObject({ message: 'canny/config.json is cut off.' });
  });

  it('library — of a file elsewhere, behind a link, only its name', async () => {
    const error = await told('/cache/blobs/3f2a', { names: ['a'], base: '/not/a/file', shape: [1, 2] });
    expect(error).toMatchObject({
      message: '3f2a is cut off.',
      details: { file: '3f2a', names: ['a'], base: '/not/a/file', shape: [1, 2] },
    });
  });

  it('library — whoever may name paths is told them', async () => {
    const open = new Library(model, { allowPaths: true });
    await expect(open.reading(failing('/a/b'))).rejects.toThrow('/a/b is cut off.');
  });
});
