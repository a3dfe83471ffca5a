/** LoRAs that change, vanish, or are more than there is memory for, in a mesh of real processes. */
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { REFERENCE_LORAS, REFERENCE_MODEL, TestMesh } from '../mesh-kit.ts';
import { expectApart, generatePicture, SMALL_JOB } from '../recorded-requests.ts';
import { copySmallModel } from '../small-model.ts';

const folder = await temporaryFolder();
let mesh: TestMesh;
let file: string;

/** Not a single set fits, nor the factors of a LoRA. */
const NO_MEMORY = { LATENTMESH_PATCH_CACHE_BYTES: '1', LATENTMESH_LORA_CACHE_BYTES: '1' };

beforeAll(async () => {
  const model = await copySmallModel(REFERENCE_MODEL, folder);
  file = join(model, 'loras', 'ink.safetensors');
  await mkdir(join(model, 'loras'), { recursive: true });
  await put('a-kohya');
  mesh = await TestMesh.start({ model, env: NO_MEMORY });
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

/** A recorded LoRA under the name `ink`. */
function put(name: string): Promise<void> {
  return copyFile(join(REFERENCE_LORAS, `${name}.safetensors`), file);
}

/** Accepts a job with the LoRA `ink` behind two others that keep the denoiser; what comes next happens before it is used. */
async function acceptBehindOthers(job: string): Promise<{ outcome: Promise<unknown>; others: Promise<unknown> }> {
  const long: GenerateInput = { ...SMALL_JOB, steps: 100 };
  const started = [1, 2].map((i) => mesh.event(`${job}-${i}`, ({ type }) => type === 'progress'));
  const others = Promise.all([1, 2].map((i) => mesh.generate({ ...long, job: `${job}-${i}` })));
  await Promise.race(started);
  const queued = mesh.event(job, ({ type }) => type === 'queued');
  const outcome = mesh.generate({ ...SMALL_JOB, job, loras: [{ lora: 'ink', weight: 0.5 }] });
  outcome.catch(() => {}); // looked at later
  await queued;
  return { outcome, others };
}

describe('LoRAs — between acceptance and use', () => {
  it('one that is replaced fails its job with LORA_CHANGED, and the same request sent again is served', async () => {
    await put('a-kohya');
    const { outcome, others } = await acceptBehindOthers('replaced');
    await put('b-kohya');
    await expect(outcome).rejects.toMatchObject({ code: 'LORA_CHANGED', details: { lora: 'ink' } });
    await others;
    const again: GenerateInput = { ...SMALL_JOB, loras: [{ lora: 'ink', weight: 0.5 }] };
    const sameFile: GenerateInput = { ...SMALL_JOB, loras: [{ lora: 'b-kohya', weight: 0.5 }] };
    expect(await generatePicture(mesh, again)).toEqual(await generatePicture(mesh, sameFile));
  });

  it('one that vanishes fails its job with UNKNOWN_LORA, and no other', async () => {
    await put('a-kohya');
    const { outcome, others } = await acceptBehindOthers('vanished');
    await rm(file);
    await expect(outcome).rejects.toMatchObject({ code: 'UNKNOWN_LORA' });
    await others;
  });
});

describe('LoRAs — more than there is memory for', () => {
  it('jobs with different ones in flight at once are each as alone, though not one set fits', () => expectApart(mesh));
});
