/** Generations that start from a picture, or from a part of one, against Diffusers' pipelines: the latents after every step, the pixels. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as denoiser from '#shared/contracts/denoiser.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import * as vae from '#shared/contracts/vae.ts';
import { firstStep } from '#shared/diffusion/sampler.ts';
import { f32, pick, type Tensor, tensor } from '#shared/tensor/tensor.ts';
import { temporaryFolder } from '#test/temporary-folder.ts';
import { startTensors } from '../../../services/gateway/start-tensors.ts';
import { expectClose, goldenPath, loadSafetensors } from '../reference.ts';
import { type PipelineCase, SAMPLER_LABELS } from './cases.ts';
import { InProcessMesh } from './in-process-mesh.ts';
import { copyInpaintingModel } from './inpainting-model.ts';
import { expectSamePicture } from './same-picture.ts';

interface StartCase extends Omit<PipelineCase, 'clip_skip' | 'loras' | 'guess_mode'> {
  readonly strength: number;
  readonly mask: boolean;
  /** By an inpainting UNet. */
  readonly sees_mask: boolean;
}

const OPTIONS = { deadlineUnixMs: Number.MAX_SAFE_INTEGER, signal: new AbortController().signal };
const { cases } = JSON.parse(readFileSync(goldenPath('start', 'cases.json'), 'utf8')) as { cases: StartCase[] };

const numbers = await loadSafetensors(goldenPath('start', 'pictures.safetensors'));
const folder = await temporaryFolder();

describe.each([
  ['that start from a picture', false],
  ['of an inpainting UNet', true],
] as const)('pipelines — %s equal Diffusers', (_, seesMask) => {
  let mesh: InProcessMesh;

  beforeAll(async () => {
    const model = seesMask ? await copyInpaintingModel(folder) : goldenPath('sd15');
    mesh = await InProcessMesh.start(model, goldenPath('lora'));
  });
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  it.each(cases.filter((row) => row.sees_mask === seesMask))('$case', async (row) => {
    mesh.steps.length = 0;
    const latents = await denoise(mesh, row);
    const want = pick(numbers, `${row.case}/latents`, 'f32');
    const [calls, ...shape] = want.shape as [number, ...number[]];
    expect(mesh.steps.map(({ step, steps }) => [step, steps])).toEqual(
      Array.from({ length: calls }, (_, i) => [i + 1, calls]),
    );
    const size = want.data.length / calls;
    for (const [i, step] of mesh.steps.entries()) {
      const recorded = f32(shape, want.data.slice(i * size, (i + 1) * size));
      expectClose(`${row.case} latents of call ${i + 1}`, f32(shape, step.latents), recorded, row.tolerance.latents);
    }
    const decoded = await mesh.mesh.call(vae.decode, {}, { latents }, OPTIONS);
    expectSamePicture(pick(decoded.tensors, 'pixels', 'u8'), pick(numbers, `${row.case}/image_u8`, 'u8'));
  });
});

async function denoise({ mesh }: InProcessMesh, row: StartCase): Promise<Tensor<'f32'>> {
  const { height, width, steps, eta, guidance_scale, seeds, prompt: prompts } = row;
  const [{ tensors: embeds }, start] = await Promise.all([
    mesh.call(
      textEncoder.encode,
      { prompts, negative_prompts: prompts.map(() => ''), clip_skip: 1, loras: [] },
      {},
      OPTIONS,
    ),
    startTensors(
      mesh,
      {
        image: pick(numbers, 'init', 'u8'),
        mask: row.mask ? tensor('u8', [height, width, 1], pick(numbers, 'mask', 'u8').data) : undefined,
      },
      row.sees_mask,
      OPTIONS,
    ),
  ]);
  const request = {
    job: row.case,
    sampler: row.scheduler === 'heun' ? 'Heun' : SAMPLER_LABELS[row.scheduler]!,
    ...{
      height,
      width,
      steps,
      ...(eta > 0 && { eta }),
      guidance_scale,
      seeds,
      guess_mode: false,
      loras: [],
      lora_start: 'exact' as const,
    },
    controlnets: row.controlnets.map(({ name, scale, start: from, end }) => ({
      controlnet: name,
      controlnet_conditioning_scale: scale,
      control_guidance_start: from,
      control_guidance_end: end,
    })),
    start: { first_step: firstStep(steps, row.strength), inpaint_fill: 'original' as const },
  };
  const hints = row.controlnets.map(({ image }, i) => [`hint_${i}`, planes(pick(numbers, image, 'u8'))]);
  const reply = await mesh.call(
    denoiser.denoise,
    request,
    { ...embeds, ...start, ...Object.fromEntries(hints) },
    OPTIONS,
  );
  return pick(reply.tensors, 'latents', 'f32');
}

/** u8 [H, W, 3] → [1, 3, H, W] */
function planes({ shape, data }: Tensor<'u8'>): Tensor<'u8'> {
  const [height, width] = shape as [number, number];
  const pixels = height * width;
  const out = Uint8Array.from(data, (_, i) => data[(i % pixels) * 3 + Math.floor(i / pixels)]!);
  return tensor('u8', [1, 3, height, width], out);
}
