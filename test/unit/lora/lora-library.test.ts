import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { Library } from '#shared/checkpoint/library.ts';
import { loraBase } from '#shared/checkpoint/lora-base.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { goldenPath } from '#test/golden/reference.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';
import { LoraLibrary } from '../../../services/lora/lora-library.ts';

const folder = await temporaryFolder();
const FILE = join(folder, 'ink.safetensors');
/** More than the factors of one LoRA here. */
const PLENTY = 2 ** 24;

async function newLibrary(maxFactorBytes = PLENTY): Promise<LoraLibrary> {
  const pipeline = await openPipeline(goldenPath('sd15'));
  const base = await loraBase(pipeline);
  return new LoraLibrary(new Library(pipeline.folder, { loraFolders: [folder] }), base, { maxFactorBytes });
}

/** Puts a recorded LoRA under the name `ink`. */
const put = (name: string): Promise<void> => copyFile(goldenPath('lora', `${name}.safetensors`), FILE);

describe('LoRA library — files that change', () => {
  beforeEach(() => put('a-kohya'));

  it('a LoRA that was replaced since it was accepted is LORA_CHANGED; unpinned it is taken as it is', async () => {
    const library = await newLibrary();
    const { hash } = await library.find({ lora: 'ink' });
    const pinned = { lora: 'ink', weight: 1, hash };
    const before = await library.factors([pinned], 'unet');
    await put('b-kohya');
    expect(await failure(library.factors([pinned], 'unet'))).toMatchObject({
      code: 'LORA_CHANGED',
      details: { lora: 'ink', accepted: hash },
    });
    expect(await library.factors([{ lora: 'ink', weight: 1 }], 'unet')).not.toEqual(before);
  });

  it('one that vanished is UNKNOWN_LORA', async () => {
    const library = await newLibrary();
    const { hash } = await library.find({ lora: 'ink' });
    await rm(FILE);
    expect((await failure(library.factors([{ lora: 'ink', weight: 1, hash }], 'unet'))).code).toBe('UNKNOWN_LORA');
  });
});

describe('LoRA library — memory', () => {
  beforeEach(() => put('a-kohya'));

  it('factors are read once, and told as resident by their content', async () => {
    const library = await newLibrary();
    const { hash } = await library.find({ lora: 'ink' });
    const first = await library.factors([{ lora: 'ink', weight: 1 }], 'unet');
    const bytes = library.residentBytes;
    const again = await library.factors([{ lora: 'ink', weight: 1 }], 'unet');
    expect([again, library.residentBytes, library.resident]).toEqual([first, bytes, [hash]]);
    expect(bytes).toBeGreaterThan(0);
  });

  it('stays inside its budget, and what is larger than that is read all the same', async () => {
    const library = await newLibrary(1000);
    const factors = await library.factors([{ lora: 'ink', weight: 1 }], 'unet');
    expect(Object.keys(factors).length).toBeGreaterThan(0);
    expect([library.residentBytes, library.resident]).toEqual([0, []]);
  });
});
