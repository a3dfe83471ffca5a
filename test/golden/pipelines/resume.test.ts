/** A job that goes on from its checkpoints, with every sampler, against the same job from noise to the end. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DenoiseRequest } from '#shared/contracts/denoiser.ts';
import * as denoiser from '#shared/contracts/denoiser.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import { SAMPLERS } from '#shared/diffusion/sampler-names.ts';
import { f32, pick, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { goldenPath } from '../reference.ts';
import { InProcessMesh } from './in-process-mesh.ts';

const OPTIONS = { deadlineUnixMs: Number.MAX_SAFE_INTEGER, signal: new AbortController().signal };
const REQUEST: DenoiseRequest = denoiser.denoise.request.parse({
  job: 'resume',
  height: 64,
  width: 64,
  steps: 5,
  sampler: 'Euler a',
  eta: 0,
  guidance_scale: 4,
  seeds: [5, 6],
  guess_mode: false,
  controlnets: [],
  loras: [],
  lora_start: 'exact',
});

const hint_0 = tensor(
  'u8',
  [1, 3, 64, 64],
  Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => i % 256),
);

let mesh: InProcessMesh;
let embeddings: TensorMap;

beforeAll(async () => {
  mesh = await InProcessMesh.start(goldenPath('sd15'), goldenPath('lora'));
  const request = { prompts: ['a cat', 'a dog'], negative_prompts: ['', ''], clip_skip: 1, loras: [] };
  embeddings = (await mesh.mesh.call(textEncoder.encode, request, {}, OPTIONS)).tensors;
});
afterAll(() => mesh?.[Symbol.asyncDispose]());

/** The latents, the step at which LoRAs entered, and the calls that were made for it. */
async function run(more: Partial<DenoiseRequest>, tensors: TensorMap = {}) {
  mesh.steps.length = 0;
  const reply = await mesh.mesh.call(denoiser.denoise, { ...REQUEST, ...more }, { ...embeddings, ...tensors }, OPTIONS);
  const latents = pick(reply.tensors, 'latents', 'f32').data;
  return { latents, entered: reply.body.lora_entered_step, made: mesh.steps.map(({ step }) => step) };
}

/** As if the denoiser had died after so many calls. */
function forgetAfter(job: string, calls: number): void {
  mesh.pieces.set(job, mesh.pieces.get(job)!.slice(0, calls));
}

describe('checkpoints — a job that goes on ends with the same latents, bit for bit', () => {
  it.each(SAMPLERS.map(({ label }) => [label]))('%s', async (sampler) => {
    const job = `resume-${sampler.replaceAll(/\W/g, '_')}`;
    const whole = await run({ job, sampler });
    const calls = whole.made.length;
    for (const known of [1, calls - 2, calls]) {
      forgetAfter(job, known);
      const resumed = await run({ job, sampler });
      expect(resumed.made).toEqual(whole.made.slice(known));
      expect(resumed.latents).toEqual(whole.latents);
    }
  });

  it('DDIM with fresh noise at every step', async () => {
    const request = { job: 'resume-eta', sampler: 'DDIM', eta: 1 };
    const whole = await run(request);
    forgetAfter('resume-eta', 3);
    expect(await run(request)).toMatchObject({ latents: whole.latents, made: [4, 5] });
  });

  it('with a ControlNet in a window that is over, lies ahead, or is open', async () => {
    for (const [control_guidance_start, control_guidance_end] of [
      [0, 0.4],
      [0.8, 1],
      [0.2, 1],
    ] as const) {
      const window = { controlnet_conditioning_scale: 1, control_guidance_start, control_guidance_end };
      const request = {
        job: `resume-${control_guidance_start}`,
        controlnets: [{ controlnet: 'controlnet-a', ...window }],
      };
      const whole = await run(request, { hint_0 });
      forgetAfter(request.job, 3);
      expect(await run(request, { hint_0 })).toMatchObject({ latents: whole.latents, made: [4, 5] });
    }
  });

  it('with a ControlNet that is asked in every other step: from one in which it is', async () => {
    const unit = { controlnet_conditioning_scale: 1, control_guidance_start: 0, control_guidance_end: 1 };
    const controlnets = [{ controlnet: 'controlnet-a', ...unit }];
    const request = { job: 'resume-every', controlnets, controlnet_every: 2 };
    const whole = await run(request, { hint_0 });
    forgetAfter(request.job, 3);
    expect(await run(request, { hint_0 })).toMatchObject({ latents: whole.latents, made: [3, 4, 5] });
  });

  it('with LoRAs that entered in mid-run: at the same step, whatever is cached now', async () => {
    const loras = [{ lora: 'a-kohya', weight: 1 }];
    const request = { job: 'resume-lora', loras, lora_start: { at_step: 2 } } as const;
    const whole = await run(request);
    forgetAfter('resume-lora', 4);
    expect(await run(request)).toEqual({ ...whole, made: [5] });
  });

  it('with steps that are computed in part: from the last whole one, whose rest they need', async () => {
    const deep_cache = { cache_interval: 2, cache_branch_id: 0, cache_start: 0, cache_end: 1 };
    for (const [known, made] of [
      [3, [3, 4, 5]],
      [4, [5]],
    ] as const) {
      const request = { job: `resume-deep-${known}`, deep_cache };
      const whole = await run(request);
      forgetAfter(request.job, known);
      expect(await run(request)).toMatchObject({ latents: whole.latents, made });
    }
  });

  it('goes on from what is left when a job is lost again and again', async () => {
    const whole = await run({ job: 'resume-thrice' });
    for (const known of [1, 2, 4]) {
      forgetAfter('resume-thrice', known);
      expect(await run({ job: 'resume-thrice' })).toMatchObject({ latents: whole.latents });
    }
  });

  it('begins from noise where anything of the request is another', async () => {
    await run({ job: 'resume-other' });
    expect((await run({ job: 'resume-other', guidance_scale: 5 })).made).toEqual([1, 2, 3, 4, 5]);

    const { shape, data } = pick(embeddings, 'prompt_embeds', 'f32');
    const prompt_embeds = f32(
      shape,
      data.map((value) => value / 2),
    );
    expect((await run({ job: 'resume-other' }, { prompt_embeds })).made).toEqual([1, 2, 3, 4, 5]);
  });
});
