/** Models made for few steps or with fewer layers, by real processes: whole pictures equal Diffusers'. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { pick, type TensorMap } from '#shared/tensor/tensor.ts';
import { copyDistilledModel, DISTILLED_CASES, type DistilledCase } from '../golden/pipelines/distilled-model.ts';
import { expectSamePicture } from '../golden/pipelines/same-picture.ts';
import { goldenPath, loadSafetensors } from '../golden/reference.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { TestMesh } from './mesh-kit.ts';
import { generatePicture } from './recorded-requests.ts';
import { copySmallModel } from './small-model.ts';

const folder = await temporaryFolder();
const MODELS = Map.groupBy(DISTILLED_CASES, (row) => row.model);

describe.each([...MODELS.keys()])('mesh — pictures of %s equal Diffusers', (model) => {
  const rows = MODELS.get(model)!;
  let mesh: TestMesh;
  let pictures: TensorMap;

  beforeAll(async () => {
    const whole = await copyDistilledModel(rows[0]!, join(folder, 'whole'));
    [mesh, pictures] = await Promise.all([
      TestMesh.start({ model: await copySmallModel(whole, folder) }),
      loadSafetensors(goldenPath('distilled', 'pictures.safetensors')),
    ]);
  });
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  it.each(rows)('$case', async (row) => {
    expectSamePicture(await generatePicture(mesh, requestOf(row)), pick(pictures, row.case, 'u8'));
  });

  if (model === 'lcm')
    it('its guidance is read by the UNet, so there is a picture for each scale and none for a negative prompt', async () => {
      const job = { ...requestOf(rows[0]!), steps: 2 };
      const picture = await generatePicture(mesh, job);
      expect(await generatePicture(mesh, { ...job, negative_prompt: 'blurry' })).toEqual(picture);
      expect(await generatePicture(mesh, { ...job, guidance_scale: 2 })).not.toEqual(picture);
    });
});

function requestOf({ prompt, negative_prompt, seed, steps, guidance_scale, sampler }: DistilledCase): GenerateInput {
  const size = { width: 64, height: 64 };
  return {
    ...size,
    prompt,
    ...(negative_prompt !== null && { negative_prompt }),
    seed,
    steps,
    guidance_scale,
    ...(sampler && { sampler }),
  };
}
