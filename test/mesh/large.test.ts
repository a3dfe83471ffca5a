/** Pictures that would take more memory than a run may: told before it is taken, by a mesh that serves on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '#test/contract/bus/harness.ts';
import { TestMesh } from './mesh-kit.ts';
import { generatePicture, SMALL_JOB } from './recorded-requests.ts';

let mesh: TestMesh;

beforeAll(async () => {
  // The whole VAE at 256 × 256 takes more, its tiles and the UNet do not; at 1024 × 1024 the UNet takes more.
  mesh = await TestMesh.start({ model: 'small', env: { LATENTMESH_ACTIVATION_BYTES: String(6 * 2 ** 20) } });
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

describe('mesh — pictures beyond the memory of a run', () => {
  it('are refused with the prediction, and the processes go on', async () => {
    const before = (await mesh.instances()).map(({ instance }) => instance).toSorted();
    const error = await failure(mesh.generate({ ...SMALL_JOB, width: 1024, height: 1024 }));
    expect(error).toMatchObject({ code: 'OUT_OF_MEMORY', details: { variable: 'LATENTMESH_ACTIVATION_BYTES' } });
    expect(error.message).toMatch(/^unet\.\w+ .* would take [\d.]+ GiB/);
    expect((await generatePicture(mesh, SMALL_JOB)).shape).toEqual([1, 64, 64, 3]);
    expect((await mesh.instances()).map(({ instance }) => instance).toSorted()).toEqual(before);
  });

  it('are decoded in tiles where the VAE alone would take too much', async () => {
    const picture = await generatePicture(mesh, { ...SMALL_JOB, width: 256, height: 256, steps: 1 });
    expect(picture.shape).toEqual([1, 256, 256, 3]);
  });
});
