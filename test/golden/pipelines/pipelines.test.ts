/**
 * Whole generations against Diffusers' pipelines, stage by stage through the actors: embeddings, latents after every step,
 * the decoded picture. `test/mesh/pipelines.test.ts` makes the same pictures by real processes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openComponent } from '#shared/checkpoint/component.ts';
import { openPipeline, type Pipeline } from '#shared/checkpoint/pipeline.ts';
import * as denoiser from '#shared/contracts/denoiser.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import * as vae from '#shared/contracts/vae.ts';
import { vaeDecode } from '#shared/graph/models/vae.ts';
import { f32, pick, type Tensor, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { negativePrompts, withZeroNegative } from '../../../services/gateway/conditioning.ts';
import { timeIdsOf } from '../../../services/gateway/size-conditioning.ts';
import { runGraph } from '../graph/run-graph.ts';
import { expectClose, goldenPath } from '../reference.ts';
import { CASES, FAMILY_CASES, loadPipelineNumbers, lorasOf, type PipelineCase, SAMPLER_LABELS } from './cases.ts';
import { InProcessMesh } from './in-process-mesh.ts';
import { expectSamePicture } from './same-picture.ts';

const OPTIONS = { deadlineUnixMs: Number.MAX_SAFE_INTEGER, signal: new AbortController().signal };

describe.each(['sd15', 'sd2', 'sdxl'] as const)('pipelines of %s — equal Diffusers', (checkpoint) => {
  let mesh: InProcessMesh;
  let pipeline: Pipeline;
  let numbers: TensorMap;

  beforeAll(async () => {
    pipeline = await openPipeline(goldenPath(checkpoint));
    [mesh, numbers] = await Promise.all([
      InProcessMesh.start(goldenPath(checkpoint), goldenPath('lora')),
      loadPipelineNumbers(checkpoint),
    ]);
  });
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  const rows = [...CASES, ...FAMILY_CASES].filter((row) => row.checkpoint === checkpoint);

  it.each(rows)('$case', async (row) => {
    const embeds = await encode(mesh, row, pipeline);
    expectEmbeds(row, embeds, numbers);
    mesh.steps.length = 0;
    const latents = await denoise(mesh, { row, pipeline }, { ...embeds, ...hints(row, numbers) });
    expectLatents(mesh, row, numbers);
    await expectDecoded({ row, pipeline }, latents, numbers);
    const decoded = await mesh.mesh.call(vae.decode, {}, { latents }, OPTIONS);
    expectSamePicture(pick(decoded.tensors, 'pixels', 'u8'), pick(numbers, `${row.case}/image_u8`, 'u8'));
  });
});

/** As the gateway does it: a negative prompt that was left out is zeros where the model was trained so. */
async function encode({ mesh }: InProcessMesh, row: PipelineCase, pipeline: Pipeline): Promise<TensorMap> {
  const job = {
    guidance_scale: row.guidance_scale,
    negative_prompts: row.negative_prompt ?? row.prompt.map(() => ''),
    zero_negative: row.negative_prompt === null && pipeline.forcesZeros,
  };
  const request = {
    prompts: row.prompt,
    negative_prompts: negativePrompts(job, pipeline),
    clip_skip: (row.clip_skip ?? 0) + 1,
    loras: lorasOf(row),
  };
  const { tensors } = await mesh.call(textEncoder.encode, request, {}, OPTIONS);
  return withZeroNegative(tensors, job, pipeline);
}

const EMBEDS = [
  ...['prompt_embeds', 'negative_prompt_embeds'],
  ...['pooled_prompt_embeds', 'negative_pooled_prompt_embeds'],
];

function expectEmbeds(row: PipelineCase, embeds: TensorMap, numbers: TensorMap): void {
  for (const name of EMBEDS) {
    const want = numbers[`${row.case}/${name}`];
    if (want) expectClose(`${row.case} ${name}`, pick(embeds, name, 'f32'), want, row.tolerance.prompt_embeds);
  }
}

interface Row {
  readonly row: PipelineCase;
  readonly pipeline: Pipeline;
}

async function denoise({ mesh }: InProcessMesh, { row, pipeline }: Row, tensors: TensorMap): Promise<Tensor<'f32'>> {
  const { height, width, steps, eta, guidance_scale, seeds, guess_mode } = row;
  const controlnets = row.controlnets.map(({ name, scale, start, end }) => ({
    controlnet: name,
    controlnet_conditioning_scale: scale,
    control_guidance_start: start,
    control_guidance_end: end,
  }));
  const sampler = SAMPLER_LABELS[row.scheduler]!;
  const sizes = { height, width, steps, ...(eta > 0 && { eta }), guidance_scale, seeds, guess_mode };
  const request = {
    job: row.case.replaceAll('.', '_'),
    sampler,
    ...sizes,
    ...timeIdsOf({ height, width }, pipeline),
    controlnets,
    loras: lorasOf(row),
    lora_start: 'exact' as const,
  };
  const reply = await mesh.call(denoiser.denoise, request, tensors, OPTIONS);
  return pick(reply.tensors, 'latents', 'f32');
}

/** The recorded latents are [steps, B, 4, h, w]; PLMS repeats its second timestep, and so does the record. */
function expectLatents(mesh: InProcessMesh, row: PipelineCase, numbers: TensorMap): void {
  const want = pick(numbers, `${row.case}/latents`, 'f32');
  const [steps, ...shape] = want.shape as [number, ...number[]];
  const size = want.data.length / steps;
  expect(mesh.steps.length).toBe(steps);
  mesh.steps.forEach(({ latents }, i) => {
    const recorded = f32(shape, want.data.slice(i * size, (i + 1) * size));
    expectClose(`${row.case} latents of step ${i + 1}`, f32(shape, latents), recorded, row.tolerance.latents);
  });
}

/** The decoder's own numbers, f32 [B, 3, H, W]: the actor gives pixels only. */
async function expectDecoded({ row, pipeline }: Row, latents: Tensor<'f32'>, numbers: TensorMap): Promise<void> {
  const want = numbers[`${row.case}/decoded`];
  if (!want) return;
  const { folders, vae: config } = pipeline;
  const { weights } = await openComponent(folders.vae);
  const [batch, , height, width] = latents.shape as [number, number, number, number];
  const { pixels } = await runGraph(vaeDecode(config, weights, { batch, height, width }), { latents });
  expectClose(`${row.case} decoded`, pixels!, want, row.tolerance.decoded);
}

/** The control pictures as hints, u8 [1, 3, H, W]. */
function hints(row: PipelineCase, numbers: TensorMap): TensorMap {
  const { height, width } = row;
  return Object.fromEntries(
    row.controlnets.map(({ image }, index) => {
      const picture = pick(numbers, `${image}_${height}x${width}`, 'u8', [height, width, 3]);
      const planes = Uint8Array.from({ length: picture.data.length }, (_, i) => {
        const channel = Math.floor(i / (height * width));
        return picture.data[(i % (height * width)) * 3 + channel]!;
      });
      return [`hint_${index}`, tensor('u8', [1, 3, height, width], planes)];
    }),
  );
}
