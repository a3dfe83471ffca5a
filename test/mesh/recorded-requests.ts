/** The recorded generations as people ask for them, and the pictures as they come back. */
import { expect } from 'vitest';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import { decodeImage } from '#shared/image/decode.ts';
import { encodePng } from '#shared/image/png.ts';
import { pick, type Tensor, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { CASES, lorasOf, type PipelineCase, SAMPLER_LABELS } from '../golden/pipelines/cases.ts';
import { expectSamePicture } from '../golden/pipelines/same-picture.ts';
import type { TestMesh } from './mesh-kit.ts';

/** A picture in a moment. */
export const SMALL_JOB: GenerateInput = {
  prompt: 'a photo of a cat',
  seed: 3,
  steps: 3,
  width: 64,
  height: 64,
  sampler: 'DDIM',
};

/** A row by its name. */
export function recordedCase(name: string): PipelineCase {
  const row = CASES.find((one) => one.case === name);
  if (!row) throw new Error(`There is no row ${name}.`);
  return row;
}

/** A ControlNet of a row, with its hint. */
export async function unitOf(unit: PipelineCase['controlnets'][number], hint: Tensor<'u8'>) {
  return {
    controlnet: unit.name,
    image: await base64Png(hint),
    preprocessor: 'none' as const,
    controlnet_conditioning_scale: unit.scale,
    control_guidance_start: unit.start,
    control_guidance_end: unit.end,
  };
}

/** A row as a request; `numbers` holds the control pictures. */
export async function requestOf(row: PipelineCase, numbers: TensorMap): Promise<GenerateInput> {
  const controlnets = row.controlnets.map((unit) =>
    unitOf(unit, pick(numbers, `${unit.image}_${row.height}x${row.width}`, 'u8')),
  );
  return {
    prompt: row.prompt,
    ...(row.negative_prompt && { negative_prompt: row.negative_prompt }),
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

/** A picture of a reply, u8 [1, H, W, 3]. */
export async function pictureOf(mesh: TestMesh, reply: GenerateReply, index = 0): Promise<Tensor<'u8'>> {
  const { shape, data } = await decodeImage(await mesh.png(reply, index));
  return tensor('u8', [1, ...shape], data);
}

/** All pictures of a reply are those recorded, u8 [B, H, W, 3]. */
export async function expectPictures(mesh: TestMesh, reply: GenerateReply, want: Tensor<'u8'>): Promise<void> {
  const [batch, ...shape] = want.shape;
  const size = want.data.length / batch!;
  expect(reply.images.length).toBe(batch);
  for (const i of reply.images.keys()) {
    const recorded = tensor('u8', [1, ...shape], want.data.slice(i * size, (i + 1) * size));
    expectSamePicture(await pictureOf(mesh, reply, i), recorded);
  }
}

/** The only picture of a request. */
export async function generatePicture(mesh: TestMesh, input: GenerateInput): Promise<Tensor<'u8'>> {
  return pictureOf(mesh, await mesh.generate(input));
}

/** Jobs with different LoRAs, and without, in flight at once: each picture is bit for bit the one that is made alone. */
export async function expectApart(mesh: TestMesh): Promise<void> {
  const jobs: GenerateInput[] = [
    { loras: [{ lora: 'a-kohya' }] },
    { loras: [{ lora: 'c-locon', weight: 0.7 }] },
    {},
  ].map((loras) => ({ ...SMALL_JOB, ...loras }));
  const alone: Tensor[] = [];
  for (const job of jobs) alone.push(await generatePicture(mesh, job));
  const order = [0, 1, 2, 1, 0, 2];
  const together = await Promise.all(order.map((i) => generatePicture(mesh, jobs[i]!)));
  expect(together).toEqual(order.map((i) => alone[i]));
  expect(alone[0]).not.toEqual(alone[2]);
  expect(alone[1]).not.toEqual(alone[2]);
}

/** As people send it. */
export async function base64Png(picture: Tensor<'u8'>): Promise<string> {
  return Buffer.from(await encodePng(picture)).toString('base64');
}
