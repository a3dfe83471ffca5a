import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Component, openComponent } from '#shared/checkpoint/component.ts';
import { openSafetensors, readTensor } from '#shared/checkpoint/safetensors.ts';
import { tensorsToWrite, writeSafetensors } from '#shared/checkpoint/write-safetensors.ts';
import { f32, type TensorMap } from '#shared/tensor/tensor.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';

const folder = await temporaryFolder();

const FIRST = { 'conv_in.weight': f32([2, 1, 1, 1], Float32Array.of(1, 2)) };
const SECOND = { 'conv_out.weight': f32([1, 2, 1, 1], Float32Array.of(3, 4)), 'conv_out.bias': f32([1]) };
const ALL: TensorMap = { ...FIRST, ...SECOND };

type Layout = (into: string) => Promise<void>;

const write = (path: string, tensors: TensorMap): Promise<void> => writeSafetensors(path, tensorsToWrite(tensors));

const single =
  (name: string): Layout =>
  (into) =>
    write(join(into, name), ALL);

async function sharded(into: string, index: string): Promise<void> {
  const shards = ['weights-00001-of-00002.safetensors', 'weights-00002-of-00002.safetensors'] as const;
  await write(join(into, shards[0]), FIRST);
  await write(join(into, shards[1]), SECOND);
  const names = (tensors: TensorMap, shard: string) => Object.keys(tensors).map((name) => [name, shard]);
  const map = Object.fromEntries([...names(FIRST, shards[0]), ...names(SECOND, shards[1])]);
  await writeFile(join(into, index), JSON.stringify({ metadata: { total_size: 20 }, weight_map: map }));
}

/** As the hub's cache does it: every file is a link to a blob named by its hash. */
async function linked(into: string): Promise<void> {
  const blobs = join(into, 'blobs');
  await mkdir(blobs);
  await write(join(blobs, '0123abcd'), ALL);
  await symlink('blobs/0123abcd', join(into, 'diffusion_pytorch_model.safetensors'));
}

const LAYOUTS: Record<string, Layout> = {
  'one file': single('diffusion_pytorch_model.safetensors'),
  'one file of transformers': single('model.safetensors'),
  'an fp16 variant only': single('diffusion_pytorch_model.fp16.safetensors'),
  'shards with an index': (into) => sharded(into, 'diffusion_pytorch_model.safetensors.index.json'),
  'fp16 shards with an index': (into) => sharded(into, 'diffusion_pytorch_model.safetensors.index.fp16.json'),
  "links of the hub's cache": linked,
};

let folders = 0;

async function makeComponent(layout: Layout): Promise<string> {
  const into = join(folder, `component-${folders++}`);
  await mkdir(into);
  await writeFile(join(into, 'config.json'), '{"_class_name":"Test"}');
  await layout(into);
  return into;
}

async function openLayout(layout: Layout): Promise<Component> {
  return openComponent(await makeComponent(layout));
}

describe.each(Object.entries(LAYOUTS))('component — in the layout of %s', (_, layout) => {
  it('component — gives config, names and shapes', async () => {
    const { config, weights } = await openLayout(layout);
    expect(config).toEqual({ _class_name: 'Test' });
    const shapes = Object.entries(ALL).map(([name, { shape }]) => [name, shape]);
    expect(Object.fromEntries(weights.index)).toEqual(Object.fromEntries(shapes));
    expect(weights.has('conv_in.weight')).toBe(true);
    expect(weights.has('conv_in.bias')).toBe(false);
  });

  it('component — locations lead to the bytes, relative to one folder', async () => {
    const { weights } = await openLayout(layout);
    for (const [name, want] of Object.entries(ALL)) {
      const { location } = weights.get(name, want.shape);
      expect(location.file).toBe(basename(location.file));
      const file = await openSafetensors(join(weights.folder, location.file));
      expect(file.tensors.get(name)).toMatchObject({ offset: location.offset, length: location.length });
      expect(await readTensor(file, name)).toEqual(want);
    }
  });

  it('component — knows which weights nobody asked for', async () => {
    const { weights } = await openLayout(layout);
    weights.get('conv_in.weight', [2, 1, 1, 1]);
    expect(() => weights.assertAllUsed()).toThrow(/conv_out\.bias, conv_out\.weight/);
    weights.get('conv_out.weight', [1, 2, 1, 1]);
    weights.get('conv_out.bias', [1]);
    expect(() => weights.assertAllUsed()).not.toThrow();
  });

  it('component — a missing weight is named with its nearest, a misshapen one with both shapes', async () => {
    const { weights } = await openLayout(layout);
    const attempt = (name: string, shape: number[]) => () => weights.get(name, shape);
    expect(attempt('conv_in.bias', [2])).toThrow(
      expect.objectContaining({
        code: 'WEIGHT_MISSING',
        message: expect.stringMatching(/conv_in\.bias.*Nearest: .*conv_/),
      }),
    );
    expect(attempt('conv_in.weight', [4, 1, 1, 1])).toThrow(
      expect.objectContaining({
        code: 'WRONG_SHAPE',
        message: expect.stringMatching(/conv_in\.weight is \[2, 1, 1, 1\].*\[4, 1, 1, 1\]/),
        details: expect.objectContaining({ file: expect.stringContaining(weights.folder) }),
      }),
    );
  });
});

describe('component — layouts that are refused', () => {
  it('component — full precision wins over fp16', async () => {
    const { weights } = await openLayout(async (into) => {
      await write(join(into, 'model.fp16.safetensors'), FIRST);
      await write(join(into, 'model.safetensors'), ALL);
    });
    expect(weights.has('conv_out.bias')).toBe(true);
  });

  it('component — pickled weights are refused with how to convert them', async () => {
    const opened = openLayout((into) => writeFile(join(into, 'diffusion_pytorch_model.bin'), ''));
    await expect(opened).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    await expect(opened).rejects.toThrow(/diffusion_pytorch_model\.bin.*safe_serialization=True/);
  });

  it('component — a folder without weights says what is needed', async () => {
    await expect(openLayout(async () => {})).rejects.toThrow(/has no weights: diffusion_pytorch_model\.safetensors/);
  });

  it('component — a shard that is not there is named', async () => {
    const opened = openLayout(async (into) => {
      await sharded(into, 'model.safetensors.index.json');
      await rename(join(into, 'weights-00002-of-00002.safetensors'), join(into, 'elsewhere'));
    });
    await expect(opened).rejects.toThrow(/weights-00002-of-00002\.safetensors does not exist/);
  });

  it('component — an index may not lead out of the folder', async () => {
    const map = JSON.stringify({ weight_map: { x: '../other.safetensors' } });
    const opened = openLayout((into) => writeFile(join(into, 'model.safetensors.index.json'), map));
    await expect(opened).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('component — shards that are links into different folders are refused with the folders', async () => {
    const opened = openLayout(async (into) => {
      await sharded(into, 'model.safetensors.index.json');
      const away = join(into, 'away');
      await mkdir(away);
      await rename(join(into, 'weights-00002-of-00002.safetensors'), join(away, 'blob'));
      await symlink('away/blob', join(into, 'weights-00002-of-00002.safetensors'));
    });
    await expect(opened).rejects.toThrow(/different folders .*away/);
  });
});
