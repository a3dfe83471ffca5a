/** The recorded generations as people ask for them, and the pictures as they come back. */
import { expect } from 'vitest';
import type { GenerateInput, GenerateReply } from '#shared/contracts/generate.ts';
import { decodeImage } from '#shared/image/decode.ts';
import { encodePng } from '#shared/image/png.ts';
import { pick, type Tensor, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { CASES, lorasOf, type PipelineCase, SAMPLER_LABELS } from '../golden/pipelines/cases.ts';
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

/** A row as a request; `numbers` holds the control pictures. */
export async function requestOf(row: PipelineCase, numbers: TensorMap): Promise<GenerateInput> {
  const controlnets = row.controlnets.map(async ({ name, image, scale, start, end }) => ({
    controlnet: name,
    image: await base64Png(pick(numbers, `${image}_${row.height}x${row.width}`, 'u8')),
    preprocessor: 'none' as const,
    controlnet_conditioning_scale: scale,
    control_guidance_start: start,
    control_guidance_end: end,
  }));
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

async function base64Png(picture: Tensor<'u8'>): Promise<string> {
  return Buffer.from(await encodePng(picture)).toString('base64');
}
