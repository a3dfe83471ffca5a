/** Pictures by real processes over a real nats-server: equal to Diffusers', and to themselves whatever else the mesh does. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import { decodeImage } from '#shared/image/decode.ts';
import { parseInfotext } from '#shared/image/parse-infotext.ts';
import { encodePng } from '#shared/image/png.ts';
import { readPngText } from '#shared/image/png-text.ts';
import { pick, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { CASES, loadPipelineNumbers, lorasOf, type PipelineCase, SAMPLER_LABELS } from '../golden/pipelines/cases.ts';
import { expectSamePicture } from '../golden/pipelines/same-picture.ts';
import { TestMesh } from './mesh-kit.ts';

/** Rows that touch every service; one seed for each picture is what the door offers. */
const ROWS = CASES.filter((row) => row.controlnets.length + row.loras.length > 0 || row.case.startsWith('clip-skip'));

let mesh: TestMesh;
let numbers: TensorMap;

beforeAll(async () => {
  [mesh, numbers] = await Promise.all([
    TestMesh.start({ replicas: { controlnet: 2, denoiser: 2 } }),
    loadPipelineNumbers(),
  ]);
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

describe('mesh — pictures equal Diffusers', () => {
  it.each([...ROWS, CASES.find((row) => row.case === 'batch-2-two-seeds')!])('$case', async (row) => {
    const reply = await mesh.generate(await requestOf(row));
    const want = pick(numbers, `${row.case}/image_u8`, 'u8');
    const size = row.height * row.width * 3;
    for (const [i] of reply.images.entries()) {
      const shape = [1, row.height, row.width, 3];
      const recorded = tensor('u8', shape, want.data.slice(i * size, (i + 1) * size));
      expectSamePicture(tensor('u8', shape, (await decodeImage(await mesh.png(reply, i))).data), recorded);
    }
  });

  it('two ControlNets of one job run in two processes', async () => {
    const row = CASES.find(({ case: name }) => name === 'controlnet-2')!;
    const [first, second] = row.controlnets.map(({ name }) =>
      mesh.heartbeat(({ role, holds }) => role === 'controlnet' && holds.includes(name)),
    );
    await mesh.generate(await requestOf(row));
    expect((await first!).instance).not.toBe((await second!).instance);
  });
});

describe('mesh — one picture does not depend on another', () => {
  const plain: GenerateInput = {
    prompt: 'a photo of a cat',
    seed: 3,
    steps: 3,
    width: 64,
    height: 64,
    sampler: 'DDIM',
  };
  const sketch: GenerateInput = { ...plain, loras: [{ lora: 'a-kohya', weight: 1 }] };
  const locon: GenerateInput = { ...plain, loras: [{ lora: 'c-locon', weight: 0.7 }] };
  const bytes = async (input: GenerateInput): Promise<Uint8Array> => pixels(await mesh.generate(input));
  const pixels = async (reply: GenerateReply, i = 0): Promise<Uint8Array> =>
    (await decodeImage(await mesh.png(reply, i))).data;

  it('LoRA → none → LoRA is bit-identical', async () => {
    const [with1, without, with2] = [await bytes(sketch), await bytes(plain), await bytes(sketch)];
    expect(with2).toEqual(with1);
    expect(without).not.toEqual(with1);
  });

  it('jobs with different LoRAs in flight at once never see each other’s weights', async () => {
    const alone = [await bytes(sketch), await bytes(locon), await bytes(plain)];
    const inputs = [sketch, locon, plain, locon, sketch, plain];
    const together = await Promise.all(inputs.map(bytes));
    expect(together).toEqual([alone[0], alone[1], alone[2], alone[1], alone[0], alone[2]]);
  });

  it('a picture of a batch is the picture of its seed', async () => {
    const batch = await mesh.generate({ ...plain, batch: 3, sampler: 'Euler a' });
    expect(batch.images.map((image) => image.seed)).toEqual([3, 4, 5]);
    const alone = await mesh.generate({ ...plain, seed: 5, sampler: 'Euler a' });
    expectSamePicture(asPicture(await pixels(batch, 2)), asPicture(await pixels(alone)));
  });

  it('a size that no other job had is served, if it is a multiple of 8', async () => {
    const reply = await mesh.generate({ ...plain, width: 72, height: 104 });
    expect((await decodeImage(await mesh.png(reply))).shape).toEqual([104, 72, 3]);
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
    const reply = await mesh.generate({
      prompt: 'cat',
      steps: 1,
      width: 384,
      height: 384,
      batch: 2,
      guidance_scale: 1,
    });
    expect(reply.images[0]!.object?.bytes).toBeGreaterThan(0);
    expect((await decodeImage(await mesh.png(reply, 1))).shape).toEqual([384, 384, 3]);
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

/** A 64 × 64 picture. */
function asPicture(data: Uint8Array) {
  return tensor('u8', [1, 64, 64, 3], data);
}

async function requestOf(row: PipelineCase): Promise<GenerateInput> {
  const controlnets = row.controlnets.map(async ({ name, image, scale, start, end }) => ({
    controlnet: name,
    image: await controlPicture(`${image}_${row.height}x${row.width}`),
    preprocessor: 'none' as const,
    controlnet_conditioning_scale: scale,
    control_guidance_start: start,
    control_guidance_end: end,
  }));
  return {
    prompt: row.prompt,
    negative_prompt: row.negative_prompt ?? '',
    width: row.width,
    height: row.height,
    steps: row.steps,
    guidance_scale: row.guidance_scale,
    sampler: SAMPLER_LABELS[row.scheduler]!,
    ...(row.eta > 0 && { eta: row.eta }),
    seed: row.seeds,
    clip_skip: (row.clip_skip ?? 0) + 1,
    controlnets: await Promise.all(controlnets),
    guess_mode: row.guess_mode,
    loras: lorasOf(row),
  };
}

async function controlPicture(name: string): Promise<string> {
  return Buffer.from(await encodePng(pick(numbers, name, 'u8'))).toString('base64');
}
