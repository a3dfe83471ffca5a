/** How many processes a role has decides where work is done, not what comes out. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';
import { pick, type TensorMap } from '#shared/tensor/tensor.ts';
import { loadPipelineNumbers } from '../golden/pipelines/cases.ts';
import { expectSamePicture } from '../golden/pipelines/same-picture.ts';
import { TestMesh } from './mesh-kit.ts';
import { expectApart, generatePicture, recordedCase, requestOf } from './recorded-requests.ts';

let mesh: TestMesh;
let numbers: TensorMap;

beforeAll(async () => {
  const replicas = { controlnet: 2, denoiser: 2 };
  [mesh, numbers] = await Promise.all([TestMesh.start({ replicas }), loadPipelineNumbers()]);
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

describe('mesh with two ControlNet processes and two denoisers', () => {
  it('two ControlNets of one job run in different processes, the picture stays the same', async () => {
    const picture = await generatePicture(mesh, await requestOf(recordedCase('controlnet-2'), numbers));
    expectSamePicture(picture, pick(numbers, 'controlnet-2/image_u8', 'u8'));
    const holders = await Promise.all([holderOf('controlnet-a'), holderOf('controlnet-b')]);
    expect(holders.map(({ holds }) => holds)).toEqual([['controlnet-a'], ['controlnet-b']]);
  });

  it('jobs with different LoRAs in flight at once are each as alone', () => expectApart(mesh));
});

/** The ControlNet process that has it resident. */
function holderOf(name: string): Promise<Heartbeat> {
  return mesh.heartbeat(({ role, holds }) => role === 'controlnet' && holds.includes(name));
}
