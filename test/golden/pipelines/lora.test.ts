/** LoRAs as the actors apply them, against Diffusers with the same files: the encoded prompt, and one UNet run. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { LoraWeights } from '#shared/adapters/lora-weights.ts';
import { openPipeline } from '#shared/checkpoint/pipeline.ts';
import type { LoraUnit } from '#shared/contracts/generate.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import type { Device } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { f32, pick, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import { Unet } from '../../../services/denoiser/unet.ts';
import { expectClose, goldenPath, loadSafetensors } from '../reference.ts';
import { InProcessMesh } from './in-process-mesh.ts';

interface LoraCase {
  readonly case: string;
  readonly loras: readonly { file: string; scale: number }[];
}

interface Expected {
  readonly prompt: string;
  readonly timestep: number;
  readonly tolerances: Readonly<Record<string, { tolerance: number }>>;
  readonly cases: readonly LoraCase[];
}

const EXPECTED = JSON.parse(readFileSync(goldenPath('lora', 'expected.json'), 'utf8')) as Expected;
const OPTIONS = { deadlineUnixMs: Number.MAX_SAFE_INTEGER, signal: new AbortController().signal };
const CACHE_BYTES = 2 ** 28;

describe.each(['fed', 'branches'] as const)('LoRA, %s — equals Diffusers', (loraStrategy) => {
  let mesh: InProcessMesh;
  let device: Device;
  let unet: Unet;
  let weights: LoraWeights;
  let expected: TensorMap;
  let inputs: TensorMap;

  beforeAll(async () => {
    mesh = await InProcessMesh.start(goldenPath('sd15'), goldenPath('lora'), { loraStrategy });
    const pipeline = await openPipeline(goldenPath('sd15'));
    device = await openDevice({ device: 'cpu', threads: 1, loraStrategy });
    unet = await Unet.load(device, pipeline.folders.unet, pipeline.unet);
    weights = new LoraWeights({ mesh: mesh.mesh, part: 'unet', base: unet.base, maxBytes: CACHE_BYTES });
    expected = await loadSafetensors(goldenPath('lora', 'expected.safetensors'));
    inputs = await loadSafetensors(goldenPath('sd15', 'fixtures', 'inputs.safetensors'));
  });
  afterAll(async () => {
    await device?.close();
    await mesh?.[Symbol.asyncDispose]();
  });

  const check = (name: string, part: string, got: Tensor): void =>
    expectClose(`${name} ${part}`, got, expected[`${name}/${part}`]!, EXPECTED.tolerances[part]!.tolerance);

  it.each([{ case: 'none', loras: [] }, ...EXPECTED.cases])('$case', async ({ case: name, loras }) => {
    const units = loras.map(({ file, scale }) => ({ lora: file.replace(/\.safetensors$/, ''), weight: scale }));
    const text = await encodePrompt(mesh, units);
    check(name, 'text', text);
    const patched = await weights.acquire(units, OPTIONS);
    const run = (prompt_embeds: Tensor<'f32'>): Promise<Tensor<'f32'>> =>
      predict(unet, { prompt_embeds, weights: patched.weights, sample: firstOf(pick(inputs, 'sample_8x8', 'f32')) });
    check(name, 'unet_out', await run(firstOf(pick(inputs, 'encoder_hidden_states', 'f32'))));
    check(name, 'unet_out_with_text', await run(text));
    patched.release();
  });
});

async function encodePrompt({ mesh }: InProcessMesh, loras: LoraUnit[]): Promise<Tensor<'f32'>> {
  const request = { prompts: [EXPECTED.prompt], negative_prompts: null, clip_skip: 1, loras };
  return pick((await mesh.call(textEncoder.encode, request, {}, OPTIONS)).tensors, 'prompt_embeds', 'f32');
}

/** One run of both halves at the recorded timestep. */
async function predict(
  unet: Unet,
  { prompt_embeds, weights, sample }: { prompt_embeds: Tensor<'f32'>; weights: Unet['base']; sample: Tensor<'f32'> },
): Promise<Tensor<'f32'>> {
  const [batch, , height, width] = sample.shape as [number, number, number, number];
  const shape = { batch, height, width, tokens: prompt_embeds.shape[1]! };
  const job = { shape, prompt: 'job', weights, signal: OPTIONS.signal };
  await unet.begin('job', { prompt_embeds });
  await unet.down(job, sample.data.slice(), EXPECTED.timestep);
  const { noise_pred } = await unet.up(job, undefined);
  return f32(sample.shape, noise_pred);
}

/** The first sample of a batch. */
function firstOf(all: Tensor<'f32'>): Tensor<'f32'> {
  return f32([1, ...all.shape.slice(1)], all.data.slice(0, all.data.length / all.shape[0]!));
}
