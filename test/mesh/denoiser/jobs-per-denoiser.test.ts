/** A denoiser that works on two jobs at once: their runs alternate, their pictures are those of jobs alone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { pick } from '#shared/tensor/tensor.ts';
import { loadPipelineNumbers } from '../../golden/pipelines/cases.ts';
import { expectSamePicture } from '../../golden/pipelines/same-picture.ts';
import { TestMesh } from '../mesh-kit.ts';
import { expectApart, generatePicture, recordedCase, requestOf, SMALL_JOB } from '../recorded-requests.ts';

const LONG: GenerateInput = { ...SMALL_JOB, job: 'long', sampler: 'Euler', steps: 150 };

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start({ env: { LATENTMESH_JOBS_PER_DENOISER: '2' } });
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

describe('mesh with two jobs a denoiser', () => {
  it('ends a short job while a long one is still denoised', async () => {
    const runs = mesh.event('long', ({ type }) => type === 'progress');
    const cancelled = expect(mesh.generate(LONG)).rejects.toMatchObject({ code: 'CANCELLED' });
    await runs;
    await mesh.generate(SMALL_JOB);
    expect((await mesh.record('long')).state).toBe('running');
    await mesh.ask('latentmesh.v1.cancel', { job: 'long' });
    await cancelled;
  });

  it('keeps jobs with different LoRAs, and without, apart', () => expectApart(mesh));

  it('keeps jobs with ControlNets apart', async () => {
    const numbers = await loadPipelineNumbers();
    const names = ['controlnet-2', 'controlnet-guess', 'controlnet-2'];
    const made = names.map(async (name) => generatePicture(mesh, await requestOf(recordedCase(name), numbers)));
    const pictures = await Promise.all(made);
    names.forEach((name, i) => {
      expectSamePicture(pictures[i]!, pick(numbers, `${name}/image_u8`, 'u8'));
    });
  });
});
