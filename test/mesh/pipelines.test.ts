/** Pictures by real processes over a real nats-server: equal to Diffusers', and to themselves whatever else the mesh does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { parseInfotext } from '#shared/image/parse-infotext.ts';
import { readPngText } from '#shared/image/png-text.ts';
import { pick, type TensorMap } from '#shared/tensor/tensor.ts';
import { CASES, loadPipelineNumbers } from '../golden/pipelines/cases.ts';
import { expectSamePicture } from '../golden/pipelines/same-picture.ts';
import { TestMesh } from './mesh-kit.ts';
import {
  expectApart,
  expectPictures,
  generatePicture,
  pictureOf,
  recordedCase,
  requestOf,
  SMALL_JOB,
} from './recorded-requests.ts';

/** Rows that touch every service; one seed for each picture is what the door offers. */
const ROWS = CASES.filter((row) => row.controlnets.length + row.loras.length > 0 || row.case.startsWith('clip-skip'));

/** What a message of NATS holds. */
const MESSAGE_BYTES = 2 ** 20;

let mesh: TestMesh;
let numbers: TensorMap;

beforeAll(async () => {
  [mesh, numbers] = await Promise.all([TestMesh.start(), loadPipelineNumbers()]);
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

describe('mesh — pictures equal Diffusers', () => {
  it.each([...ROWS, recordedCase('batch-2-two-seeds')])('$case', async (row) => {
    const reply = await mesh.generate(await requestOf(row, numbers));
    await expectPictures(mesh, reply, pick(numbers, `${row.case}/image_u8`, 'u8'));
  });
});

describe('mesh — one picture does not depend on another', () => {
  const withLora: GenerateInput = { ...SMALL_JOB, loras: [{ lora: 'a-kohya', weight: 1 }] };

  it('LoRA → none → LoRA is bit-identical', async () => {
    const [with1, without, with2] = [
      await generatePicture(mesh, withLora),
      await generatePicture(mesh, SMALL_JOB),
      await generatePicture(mesh, withLora),
    ];
    expect(with2).toEqual(with1);
    expect(without).not.toEqual(with1);
  });

  it('jobs with different LoRAs in flight at once on one denoiser are each as alone', () => expectApart(mesh));

  it('a picture of a batch is the picture of its seed', async () => {
    const batch = await mesh.generate({ ...SMALL_JOB, batch: 3, sampler: 'Euler a' });
    expect(batch.images.map((image) => image.seed)).toEqual([3, 4, 5]);
    for (const [i, { seed }] of batch.images.entries()) {
      const alone = await generatePicture(mesh, { ...SMALL_JOB, seed, sampler: 'Euler a' });
      expectSamePicture(await pictureOf(mesh, batch, i), alone);
    }
  });

  it('a size that no other job had is served, if it is a multiple of 8', async () => {
    const picture = await generatePicture(mesh, { ...SMALL_JOB, width: 72, height: 104 });
    expect(picture.shape).toEqual([1, 104, 72, 3]);
  });
});

describe('mesh — LoRAs that enter while the denoising goes on', () => {
  it('at a step: the same picture cold and cached, told in its parameters', async () => {
    const late: GenerateInput = {
      ...SMALL_JOB,
      loras: [{ lora: 'b-kohya', weight: 0.3125 }],
      lora_start: { at_step: 2 },
    };
    const [cold, cached] = [await mesh.generate(late), await mesh.generate(late)];
    expect(await pictureOf(mesh, cached)).toEqual(await pictureOf(mesh, cold));
    expect(cold.lora_entered_step).toBe(2);
    expect(cold.images[0]!.parameters).toContain('Lora start: at_step 2, Lora entered at step: 2');
    expect(await generatePicture(mesh, { ...late, lora_start: 'exact' })).not.toEqual(await pictureOf(mesh, cold));
  });

  it('with no steps to wait: the exact picture', async () => {
    const loras = [{ lora: 'b-kohya', weight: 0.4375 }];
    const reply = await mesh.generate({ ...SMALL_JOB, loras, lora_start: { max_steps: 0 } });
    expect(reply.lora_entered_step).toBe(0);
    expect(await pictureOf(mesh, reply)).toEqual(await generatePicture(mesh, { ...SMALL_JOB, loras }));
  });
});

describe('mesh — what comes with a picture', () => {
  it('the PNG carries its parameters in A1111’s form', async () => {
    const reply = await mesh.generate({
      prompt: 'a red boat, on the sea: at night',
      negative_prompt: 'blurry',
      seed: 11,
      steps: 4,
      width: 64,
      height: 72,
      sampler: 'k_dpmpp_2m_ka',
      clip_skip: 2,
      loras: [{ lora: 'a-kohya', weight: 0.5 }],
    });
    const text = readPngText(await mesh.png(reply)).get('parameters')!;
    expect(text).toBe(reply.images[0]!.parameters);
    expect(parseInfotext(text)).toMatchObject({
      prompt: 'a red boat, on the sea: at night',
      negativePrompt: 'blurry',
      sampler: 'DPM++ 2M',
      scheduleType: 'Karras',
      steps: 4,
      seed: 11,
      width: 64,
      height: 72,
      clipSkip: 2,
      rng: 'CPU',
      model: 'sd15',
      loras: [{ name: 'a-kohya', weight: 0.5 }],
    });
  });

  it('a prompt that is cut is told, with what was not seen', async () => {
    const reply = await mesh.generate({ prompt: `${'cat '.repeat(75)}dog`, steps: 1, width: 64, height: 64 });
    expect(reply.warnings).toEqual([{ field: 'prompt', message: expect.stringMatching(/77 tokens.*: dog$/) }]);
  });

  it('pictures too large for a message come by the object store', async () => {
    const [width, height, batch] = [512, 448, 2];
    const reply = await mesh.generate({ prompt: 'cat', steps: 1, width, height, batch, guidance_scale: 1 });
    const sizes = reply.images.map(({ object, b64_json: inline }) => (inline ? 0 : object!.bytes));
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    expect(sizes[0]! + sizes[1]!).toBeGreaterThan(MESSAGE_BYTES);
    expect((await pictureOf(mesh, reply, 1)).shape).toEqual([1, height, width, 3]);
  });
});

describe('mesh — job ids', () => {
  const input: GenerateInput = { prompt: 'a cat', steps: 1, width: 64, height: 64 };

  it('the same id with the same request is the same job, run once', async () => {
    const named = { ...input, job: 'twice' };
    const [first, second] = await Promise.all([mesh.generate(named), mesh.generate(named)]);
    const third = await mesh.generate(named);
    expect(second).toEqual(first);
    expect(third).toEqual(first);
  });

  it('the same id with another request is a conflict', async () => {
    await mesh.generate({ ...input, job: 'taken' });
    await expect(mesh.generate({ ...input, job: 'taken', steps: 2 })).rejects.toMatchObject({ code: 'JOB_CONFLICT' });
  });
});
