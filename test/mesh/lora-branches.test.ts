/** LoRAs as low-rank side branches beside constant weights, as devices have them that copy what is fed; here on the CPU. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { pick, type TensorMap } from '#shared/tensor/tensor.ts';
import { CASES, loadPipelineNumbers } from '../golden/pipelines/cases.ts';
import { expectSamePicture } from '../golden/pipelines/same-picture.ts';
import { TestMesh } from './mesh-kit.ts';
import { generatePicture, pictureOf, requestOf, SMALL_JOB } from './recorded-requests.ts';

let mesh: TestMesh;
let numbers: TensorMap;

beforeAll(async () => {
  const env = { LATENTMESH_LORA_STRATEGY: 'branches' };
  [mesh, numbers] = await Promise.all([TestMesh.start({ model: 'small', env }), loadPipelineNumbers()]);
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

describe('mesh with side branches', () => {
  it.each(CASES.filter(({ loras }) => loras.length > 0))('equals Diffusers: $case', async (row) => {
    const reply = await mesh.generate(await requestOf(row, numbers));
    expectSamePicture(await pictureOf(mesh, reply), pick(numbers, `${row.case}/image_u8`, 'u8'));
  });

  it('LoRA → none → LoRA is bit-identical, and so is a LoRA that enters at a step, cold and cached', async () => {
    const fromTheStart: GenerateInput = { ...SMALL_JOB, loras: [{ lora: 'c-locon', weight: 0.625 }] };
    const first = await generatePicture(mesh, fromTheStart);
    expect(await generatePicture(mesh, SMALL_JOB)).not.toEqual(first);
    expect(await generatePicture(mesh, fromTheStart)).toEqual(first);
    const late: GenerateInput = {
      ...SMALL_JOB,
      loras: [{ lora: 'c-locon', weight: 0.375 }],
      lora_start: { at_step: 2 },
    };
    expect(await generatePicture(mesh, late)).toEqual(await generatePicture(mesh, late));
  });
});
