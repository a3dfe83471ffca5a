import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeFamilyTwins } from '#test/family-twins.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';
import { writeTwins } from '#test/twin-checkpoint.ts';
import { TestMesh } from './mesh-kit.ts';

const folder = await temporaryFolder();
const SMALL = { width: 64, height: 64, steps: 2, seed: 7 };
let pictures: Record<'folder' | 'file' | 'otherVae', Uint8Array>;

/** One picture of the mesh that serves a model. */
async function pictureOf(model: string, env: Record<string, string> = {}): Promise<Uint8Array> {
  await using mesh = await TestMesh.start({ model, env });
  return mesh.png(await mesh.generate({ prompt: 'a cat of paper', negative_prompt: 'fog', ...SMALL }));
}

beforeAll(async () => {
  const twins = await writeTwins(folder);
  // The folder borrows the vocabulary that comes with the project.
  const tokenizer = new URL('../../models/clip-tokenizer', import.meta.url).pathname;
  await cp(tokenizer, join(twins.folder, 'tokenizer'), { recursive: true });
  pictures = {
    folder: await pictureOf(twins.folder),
    file: await pictureOf(twins.file),
    otherVae: await pictureOf(twins.file, { LATENTMESH_VAE: twins.vaeFile }),
  };
}, 180_000);

describe('a checkpoint in one file', () => {
  it('draws what the same weights draw as a folder', () => {
    expect(Buffer.from(pictures.file).equals(Buffer.from(pictures.folder))).toBe(true);
  });

  it('draws otherwise with a VAE of its own', () => {
    expect(Buffer.from(pictures.otherVae).equals(Buffer.from(pictures.file))).toBe(false);
  });

  it.each(['sd2', 'sdxl'] as const)(
    'of %s draws what the same weights draw as a folder',
    async (family) => {
      const twins = await writeFamilyTwins(family, folder);
      const [ofFolder, ofFile] = [await pictureOf(twins.folder), await pictureOf(twins.file)];
      expect(Buffer.from(ofFile).equals(Buffer.from(ofFolder))).toBe(true);
    },
    180_000,
  );
});
