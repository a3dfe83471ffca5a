/** The other families by real processes over a real nats-server: pictures equal Diffusers', ControlNets and LoRAs included. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pick, type TensorMap } from '#shared/tensor/tensor.ts';
import { FAMILY_CASES, loadPipelineNumbers } from '../golden/pipelines/cases.ts';
import { expectSamePicture } from '../golden/pipelines/same-picture.ts';
import { goldenPath } from '../golden/reference.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { TestMesh } from './mesh-kit.ts';
import { generatePicture, requestOf } from './recorded-requests.ts';
import { copySmallModel } from './small-model.ts';

const folder = await temporaryFolder();

describe.each(['sd2', 'sdxl'] as const)('mesh — pictures of %s equal Diffusers', (checkpoint) => {
  let mesh: TestMesh;
  let numbers: TensorMap;

  beforeAll(async () => {
    const model = await copySmallModel(goldenPath(checkpoint), folder);
    [mesh, numbers] = await Promise.all([TestMesh.start({ model }), loadPipelineNumbers(checkpoint)]);
  });
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  it.each(FAMILY_CASES.filter((row) => row.checkpoint === checkpoint))('$case', async (row) => {
    const picture = await generatePicture(mesh, await requestOf(row, numbers));
    expectSamePicture(picture, pick(numbers, `${row.case}/image_u8`, 'u8'));
  });

  if (checkpoint === 'sdxl')
    it('the sizes that it is told of change the picture, and stand in its parameters', async () => {
      const job = { prompt: 'a photo of a cat', seed: 3, steps: 2, width: 64, height: 64 };
      const small = await mesh.generate({ ...job, original_size: [256, 512] });
      expect(small.images[0]!.parameters).toContain('Original size: 512x256');
      expect(await generatePicture(mesh, { ...job, original_size: [64, 64] })).toEqual(
        await generatePicture(mesh, job),
      );
      expect(await mesh.png(small)).not.toEqual(await mesh.png(await mesh.generate(job)));
    });

  if (checkpoint === 'sd2')
    it('a field of SDXL is refused, with what it is for', async () => {
      const wrong = mesh.generate({ prompt: 'a cat', original_size: [64, 64] });
      await expect(wrong).rejects.toMatchObject({
        code: 'UNSUPPORTED_OPTION',
        message: expect.stringContaining('only SDXL is'),
        details: { path: 'original_size' },
      });
    });
});
