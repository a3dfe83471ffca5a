/** LoRAs that enter in mid-run, against the same run made by hand: base weights for the first steps, patched ones behind. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoraWeights } from '#shared/adapters/lora-weights.ts';
import { openPipeline, type Pipeline } from '#shared/checkpoint/pipeline.ts';
import * as denoiser from '#shared/contracts/denoiser.ts';
import type { LoraStart, LoraUnit } from '#shared/contracts/generate.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import { createBatchNoise } from '#shared/diffusion/noise.ts';
import type { Device, WeightSet } from '#shared/session/device.ts';
import { openDevice } from '#shared/session/open-device.ts';
import { pick, type Tensor } from '#shared/tensor/tensor.ts';
import { Unet } from '../../../services/denoiser/unet.ts';
import { goldenPath } from '../reference.ts';
import { InProcessMesh } from './in-process-mesh.ts';

const OPTIONS = { deadlineUnixMs: Number.MAX_SAFE_INTEGER, signal: new AbortController().signal };
const CACHE_BYTES = 2 ** 28;
const SIDE = 64;
const STEPS = 4;
const SEED = 5;

/** A run of the mesh. */
interface Run {
  readonly latents: Float32Array;
  readonly entered: number | null;
}

let mesh: InProcessMesh;
let device: Device;
let unet: Unet;
let patcher: LoraWeights;
let pipeline: Pipeline;

beforeAll(async () => {
  mesh = await InProcessMesh.start(goldenPath('sd15'), goldenPath('lora'));
  pipeline = await openPipeline(goldenPath('sd15'));
  device = await openDevice({ device: 'cpu', threads: 1 });
  unet = await Unet.load(device, pipeline.folders.unet, pipeline.unet);
  patcher = new LoraWeights({ mesh: mesh.mesh, part: 'unet', base: unet.base, maxBytes: CACHE_BYTES });
});
afterAll(async () => {
  await device?.close();
  await mesh?.[Symbol.asyncDispose]();
});

/** Text encoders have their LoRAs in every mode. */
async function embed(loras: LoraUnit[]): Promise<Tensor<'f32'>> {
  const request = { prompts: ['a cat'], negative_prompts: null, clip_skip: 1, loras };
  return pick((await mesh.mesh.call(textEncoder.encode, request, {}, OPTIONS)).tensors, 'prompt_embeds', 'f32');
}

async function run(sampler: string, loras: LoraUnit[], lora_start: LoraStart): Promise<Run> {
  const sizes = { height: SIDE, width: SIDE, steps: STEPS, guidance_scale: 1, seeds: [SEED] };
  const request = { job: 'late', sampler, ...sizes, guess_mode: false, controlnets: [], loras, lora_start };
  const tensors = { prompt_embeds: await embed(loras) };
  const { body, tensors: reply } = await mesh.mesh.call(denoiser.denoise, request, tensors, OPTIONS);
  return { latents: pick(reply, 'latents', 'f32').data, entered: body.lora_entered_step };
}

/** The same by hand; the LoRAs enter with a call of the model. */
async function byHand(label: string, loras: LoraUnit[], firstCall: number): Promise<Float32Array> {
  const patched = await patcher.acquire(loras, OPTIONS);
  const sampler = createSampler(label, { config: pipeline.scheduler, steps: STEPS });
  const prompt_embeds = await embed(loras);
  await unet.begin('job', { prompt_embeds });
  const [height, width] = [SIDE / 8, SIDE / 8];
  const shape = { batch: 1, height, width, tokens: prompt_embeds.shape[1]! };
  const noise = createBatchNoise([SEED], pipeline.unet.inChannels * height * width);
  let latents: Float32Array = noise().map((value) => Math.fround(value * sampler.initNoiseSigma));
  for (const [call, timestep] of sampler.timesteps.entries()) {
    const weights: WeightSet = call < firstCall ? unet.base : patched.weights;
    const job = { shape, prompt: 'job', weights, signal: OPTIONS.signal };
    await unet.down(job, sampler.scaleModelInput(latents, call).slice(), timestep);
    const { noise_pred } = await unet.up(job, undefined);
    latents = sampler.step(call, noise_pred, latents, () => noise());
  }
  patched.release();
  return latents;
}

describe('LoRAs that enter later', () => {
  it.each([
    ['Euler', 2, 2],
    ['Euler', 3, 3],
    ['Heun', 2, 4],
    ['PLMS', 1, 2],
  ])('%s at step %i: the run by hand, cold and cached, bit for bit', async (sampler, step, firstCall) => {
    // A weight that no other test has, so that the first run finds nothing.
    const loras = [{ lora: 'a-kohya', weight: 0.5 + step / 16 + sampler.length / 256 }];
    const [cold, cached] = [await run(sampler, loras, { at_step: step }), await run(sampler, loras, { at_step: step })];
    expect(cold).toEqual({ latents: await byHand(sampler, loras, firstCall), entered: step });
    expect(cached).toEqual(cold);
  });

  it('is another picture than with LoRAs from the start, and than without', async () => {
    const loras = [{ lora: 'a-kohya', weight: 0.75 }];
    const [late, exact] = [await run('Euler', loras, { at_step: 2 }), await run('Euler', loras, 'exact')];
    expect(late.latents).not.toEqual(exact.latents);
    expect(late.latents).not.toEqual(await byHand('Euler', loras, STEPS));
    expect(exact.entered).toBe(0);
  });

  it('at step 0, with no steps to wait, and resident with any: equal to exact', async () => {
    const loras = [{ lora: 'b-kohya', weight: 0.75 }];
    const exact = await run('Euler', loras, 'exact');
    for (const start of [{ at_step: 0 }, { max_steps: 0 }]) expect(await run('Euler', loras, start)).toEqual(exact);
  });

  it('as soon as they are ready: the step that is told makes the picture again', async () => {
    const loras = [{ lora: 'c-locon', weight: 0.75 }];
    const soon = await run('Euler', loras, { max_steps: 3 });
    expect(soon.entered).toBeLessThanOrEqual(3);
    expect(await run('Euler', loras, { at_step: soon.entered! })).toEqual(soon);
  });

  it('without LoRAs for the UNet nothing enters', async () => {
    for (const loras of [[], [{ lora: 'a-kohya', weight: 0 }]]) {
      const plain = await run('Euler', loras, 'exact');
      expect(plain.entered).toBeNull();
      expect(await run('Euler', loras, { at_step: 2 })).toEqual(plain);
    }
  });

  it('that are not there fail the job while it runs', async () => {
    const prompt_embeds = await embed([]);
    const sizes = { height: SIDE, width: SIDE, steps: STEPS, guidance_scale: 1, seeds: [SEED] };
    const rest = { guess_mode: false, controlnets: [], lora_start: { at_step: 3 } };
    const loras = [{ lora: 'a-kohya', weight: 1, hash: '0000000000' }];
    const request = { job: 'gone', sampler: 'Euler', ...sizes, ...rest, loras };
    await expect(mesh.mesh.call(denoiser.denoise, request, { prompt_embeds }, OPTIONS)).rejects.toMatchObject({
      code: 'LORA_CHANGED',
    });
  });
});
