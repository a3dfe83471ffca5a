/** Steps that are computed in part, or with ControlNets' answers of earlier ones: near the exact picture, told in it, the same each time. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import type { Tensor, TensorMap } from '#shared/tensor/tensor.ts';
import { loadPipelineNumbers } from '../../golden/pipelines/cases.ts';
import { TestMesh } from '../mesh-kit.ts';
import { generatePicture, recordedCase, requestOf, SMALL_JOB } from '../recorded-requests.ts';

const JOB: GenerateInput = { ...SMALL_JOB, sampler: 'Euler', steps: 12 };

let mesh: TestMesh;
let numbers: TensorMap;

beforeAll(async () => {
  [mesh, numbers] = await Promise.all([TestMesh.start(), loadPipelineNumbers()]);
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

/** Root mean square, levels. */
function distance(a: Tensor<'u8'>, b: Tensor<'u8'>): number {
  const squares = a.data.reduce((sum, value, i) => sum + (value - b.data[i]!) ** 2, 0);
  return Math.sqrt(squares / a.data.length);
}

describe('mesh — deep_cache', () => {
  it('differs from the exact picture, the less the more is computed, and is the same each time', async () => {
    const exact = await generatePicture(mesh, JOB);
    const of = (cache_interval: number): Promise<Tensor<'u8'>> =>
      generatePicture(mesh, { ...JOB, deep_cache: { cache_interval, cache_branch_id: 0 } });
    const [near, far] = [await of(2), await of(12)];
    expect(near).not.toEqual(exact);
    expect(distance(exact, near)).toBeLessThan(distance(exact, far));
    expect(await of(2)).toEqual(near);
  });

  it('preset fast is every third step behind the first ones, and the parameters tell it', async () => {
    const fast = await mesh.generate({ ...JOB, preset: 'fast' });
    expect(fast.images[0]!.parameters).toContain('DeepCache interval: 3, DeepCache branch: 0, DeepCache window: 0.2-1');
    const named = await mesh.generate({ ...JOB, deep_cache: { cache_interval: 3, cache_start: 0.2 } });
    expect(await mesh.png(named)).toEqual(await mesh.png(fast));
    const exact = await mesh.generate(JOB);
    expect(exact.images[0]!.parameters).not.toContain('DeepCache');
  });

  it('whole steps alone are the exact picture, ControlNets and LoRAs included', async () => {
    for (const name of ['controlnet-2', 'lora-2']) {
      // One step is whole, whatever the interval.
      const row = await requestOf(recordedCase(name), numbers);
      const one = { ...row, steps: 1 };
      expect(await generatePicture(mesh, { ...one, deep_cache: { cache_interval: 2 } })).toEqual(
        await generatePicture(mesh, one),
      );
    }
  });

  it('with ControlNets and late LoRAs is the same each time', async () => {
    const row = await requestOf(recordedCase('controlnet-2'), numbers);
    const job = { ...row, loras: [{ lora: 'a-kohya' }], lora_start: { at_step: 1 }, deep_cache: { cache_interval: 3 } };
    expect(await generatePicture(mesh, job)).toEqual(await generatePicture(mesh, job));
  });

  it('in an empty part of the run is refused at the door', async () => {
    const job = { ...JOB, deep_cache: { cache_interval: 2, cache_start: 0.5, cache_end: 0.5 } };
    await expect(mesh.generate(job)).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining('cache_start'),
    });
  });

  it('a branch that the UNet does not have is refused at the door', async () => {
    const job = { ...JOB, deep_cache: { cache_interval: 2, cache_branch_id: 7 } };
    await expect(mesh.generate(job)).rejects.toMatchObject({
      code: 'UNSUPPORTED_OPTION',
      details: { path: 'deep_cache.cache_branch_id', max: 2 },
    });
  });
});

describe('mesh — controlnet_every', () => {
  it('differs from the exact picture, the less the more often ControlNets are asked, is the same each time, and is told', async () => {
    const row: GenerateInput = { ...(await requestOf(recordedCase('controlnet-2'), numbers)), steps: 8 };
    const exact = await generatePicture(mesh, row);
    const of = (controlnet_every: number): Promise<Tensor<'u8'>> => generatePicture(mesh, { ...row, controlnet_every });
    expect(await of(1)).toEqual(exact);
    const [near, far] = [await of(2), await of(8)];
    expect(near).not.toEqual(exact);
    expect(distance(exact, near)).toBeLessThan(distance(exact, far));
    expect(await of(2)).toEqual(near);
    const told = await mesh.generate({ ...row, controlnet_every: 2 });
    expect(told.images[0]!.parameters).toContain('ControlNet every: 2');
  });

  it('with guess mode, a window and steps computed in part is the same each time', async () => {
    const row = await requestOf(recordedCase('controlnet-2'), numbers);
    const controlnets = row.controlnets!.map((unit, i) => ({ ...unit, control_guidance_end: i === 0 ? 0.5 : 1 }));
    const deep_cache = { cache_interval: 2, cache_start: 0.2 };
    const job = { ...row, controlnets, steps: 8, guess_mode: true, controlnet_every: 3, deep_cache };
    expect(await generatePicture(mesh, job)).toEqual(await generatePicture(mesh, job));
  });
});
