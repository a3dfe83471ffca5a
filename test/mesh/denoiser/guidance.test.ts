/** Split guidance: where the halves are computed decides the time that a picture takes, not the picture. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { pick, type TensorMap } from '#shared/tensor/tensor.ts';
import { loadPipelineNumbers } from '../../golden/pipelines/cases.ts';
import { expectSamePicture } from '../../golden/pipelines/same-picture.ts';
import { TestMesh } from '../mesh-kit.ts';
import { generatePicture, recordedCase, requestOf } from '../recorded-requests.ts';

const REQUEST: GenerateInput = { prompt: 'a boat', seed: 5, steps: 30, sampler: 'Euler', width: 64, height: 64 };
const OTHER: GenerateInput = { prompt: 'a house', seed: 6, steps: 30, sampler: 'Euler', width: 64, height: 64 };

let mesh: TestMesh;
let numbers: TensorMap;

beforeAll(async () => {
  const options = { replicas: { denoiser: 2 }, env: { LATENTMESH_GUIDANCE: 'split' } };
  [mesh, numbers] = await Promise.all([TestMesh.start(options), loadPipelineNumbers()]);
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

async function picture(request: GenerateInput): Promise<Uint8Array> {
  return mesh.png(await mesh.generate(request));
}

/** Resolves when every denoiser has told that it is idle: only then one lends itself for sure. */
async function allIdle(): Promise<void> {
  const denoisers = (await mesh.instances()).filter(({ role }) => role === 'denoiser');
  await Promise.all(
    denoisers.map(({ instance }) => mesh.heartbeat((one) => one.instance === instance && one.load === 0)),
  );
}

describe('mesh with split guidance and two denoisers', () => {
  it('H1: an idle denoiser computes the other half of a job with ControlNets, as Diffusers does', async () => {
    await allIdle();
    const asked = mesh.nextRequest('denoiser', 'assist-step');
    const made = await generatePicture(mesh, await requestOf(recordedCase('controlnet-2'), numbers));
    expectSamePicture(made, pick(numbers, 'controlnet-2/image_u8', 'u8'));
    expect(await asked).toMatch(/^denoiser-/);
  });

  it('guess mode and LoRAs come out as Diffusers has them', async () => {
    for (const name of ['controlnet-guess', 'lora-2']) {
      const made = await generatePicture(mesh, await requestOf(recordedCase(name), numbers));
      expectSamePicture(made, pick(numbers, `${name}/image_u8`, 'u8'));
    }
  });

  it('H1: a picture is the same bit for bit when both denoisers have jobs of their own', async () => {
    const alone = [await picture(REQUEST), await picture(OTHER)];
    expect(await Promise.all([picture(REQUEST), picture(OTHER)])).toEqual(alone);
  });

  it('H2: a job takes the device of a half that is computed there; both pictures stay the same', async () => {
    const alone = [await picture(REQUEST), await picture(OTHER)];
    await allIdle();
    const asked = mesh.nextRequest('denoiser', 'assist-step');
    const first = picture(REQUEST);
    await asked;
    expect(await Promise.all([first, picture(OTHER)])).toEqual(alone);
  });

  it('a denoiser that dies with half of a job leaves the picture as it would be', async () => {
    const alone = await picture(REQUEST);
    await allIdle();
    const asked = mesh.nextRequest('denoiser', 'assist-step');
    const made = picture(REQUEST);
    const victim = await mesh.processOf(await asked);
    const isBack = mesh.newcomer(victim);
    await mesh.signal(victim);
    expect(await made).toEqual(alone);
    await isBack;
  });

  it('H3: a denoiser is idle again when whoever it lent itself to died', async () => {
    await allIdle();
    const asked = mesh.nextRequest('denoiser', 'assist-step');
    const asker = mesh.nextRequest('denoiser', 'denoise');
    const made = picture(REQUEST);
    const [lender, victim] = [await asked, await mesh.processOf(await asker)];
    const isIdle = mesh.heartbeat((one) => one.instance === lender && one.load === 0);
    await mesh.signal(victim);
    await made;
    await isIdle;
  });
});
