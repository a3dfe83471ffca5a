import { beforeAll, describe, expect, it } from 'vitest';
import { encodePng } from '#shared/image/png.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { failure } from '#test/contract/bus/harness.ts';
import { ManualClock } from '#test/contract/bus/manual-clock.ts';
import type { AdmittedJob } from '../../../services/gateway/job.ts';
import { type Door, door } from './door.ts';

const clock = new ManualClock();
const NOW = clock.now();
let atDoor: Door;
let image: string;

beforeAll(async () => {
  atDoor = await door(clock);
  const pixels = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i % 192 < 96 ? 0 : 255));
  image = Buffer.from(await encodePng(tensor('u8', [64, 64, 3], pixels))).toString('base64');
});

function admit(more: object = {}): Promise<AdmittedJob> {
  return atDoor.admission.admit({ prompt: 'a cat', ...more });
}

describe('admission — defaults', () => {
  it('fills in what the request leaves out, from the model where it knows', async () => {
    const job = await admit({ seed: 7 });
    expect(job).toEqual({
      job: expect.stringMatching(/^[0-9a-f-]{36}$/),
      model: 'sd15',
      prompts: ['a cat'],
      negative_prompts: [''],
      zero_negative: false,
      width: 512,
      height: 512,
      steps: 20,
      guidance_scale: 7.5,
      guidance_rescale: 0,
      guidance_start: 0,
      guidance_end: 1,
      prompt_syntax: 'plain',
      sampler: 'PLMS',
      schedule: 'automatic',
      eta: 0,
      rng: 'cpu',
      seeds: [7],
      clip_skip: 1,
      guess_mode: false,
      controlnets: [],
      loras: [],
      lora_start: 'exact',
      preview_every: 0,
      priority: 'normal',
      request: expect.objectContaining({ prompt: 'a cat', seed: 7, steps: 20, width: 512, sampler: 'PLMS' }),
      warnings: [],
      accepted_unix_ms: NOW,
      deadline_unix_ms: NOW + 15 * 60_000,
      trace: {},
    });
  });

  it('keeps whose turn it takes, and tells what is no class and no client', async () => {
    expect(await admit({ priority: 'low', client: 'Ann' })).toMatchObject({ priority: 'low', client: 'Ann' });
    const { details } = await failure(admit({ priority: 'urgent', client: '' } as object));
    expect(details.problems).toEqual([
      { path: 'priority', message: 'must be one of "low", "normal", "high"' },
      { path: 'client', message: 'must not be empty' },
    ]);
  });

  it('knows a sampler by any of its names, and keeps its label', async () => {
    const named = { sampler: 'DPM++ 2M', schedule: 'karras' };
    expect(await admit({ sampler: 'k_dpmpp_2m_karras' })).toMatchObject(named);
    expect(await admit({ sampler: 'dpmpp_2m', schedule: 'Karras' })).toMatchObject(named);
    expect(await admit({ sampler: 'Euler a' })).toMatchObject({ schedule: 'automatic', eta: 1 });
  });

  it('draws a seed of 32 bits out of the job’s id, so that the same job is the same picture', async () => {
    const [one, again, other] = await Promise.all([admit({ job: 'a' }), admit({ job: 'a' }), admit({ job: 'b' })]);
    expect(again.seeds).toEqual(one.seeds);
    expect(other.seeds).not.toEqual(one.seeds);
    expect(one.seeds[0]).toBeLessThan(2 ** 32);
  });
});

describe('admission — pictures of one job', () => {
  it.each<[string, object, Partial<AdmittedJob>]>([
    ['batch counts seeds up', { batch: 3, seed: 7 }, { seeds: [7, 8, 9], prompts: ['a cat', 'a cat', 'a cat'] }],
    ['a list of seeds says how many', { seed: [5, 3] }, { seeds: [5, 3], prompts: ['a cat', 'a cat'] }],
    ['a list of prompts says how many', { prompt: ['a', 'b'], seed: 1 }, { prompts: ['a', 'b'], seeds: [1, 2] }],
    [
      'a list of negative prompts says how many',
      { negative_prompt: ['x', 'y'], seed: 1 },
      { negative_prompts: ['x', 'y'], seeds: [1, 2] },
    ],
    [
      'lists that agree',
      { prompt: ['a', 'b'], negative_prompt: 'x', seed: [1, 9], batch: 2 },
      { negative_prompts: ['x', 'x'], seeds: [1, 9] },
    ],
  ])('%s', async (_, request, expected) => {
    expect(await admit(request)).toMatchObject(expected);
  });

  it.each<[string, object, object[]]>([
    [
      'lists that disagree',
      { prompt: ['a', 'b'], negative_prompt: ['x', 'y', 'z'], seed: [1] },
      [
        { path: 'negative_prompt', message: 'has 3 entries for 2 pictures' },
        { path: 'seed', message: 'has 1 entries for 2 pictures' },
      ],
    ],
    [
      'a list and another batch',
      { prompt: ['a', 'b'], batch: 3 },
      [{ path: 'prompt', message: 'has 2 entries for 3 pictures' }],
    ],
    [
      'seeds beyond what JSON holds',
      { seed: Number.MAX_SAFE_INTEGER, batch: 2 },
      [{ path: 'seed', message: `must be at most ${Number.MAX_SAFE_INTEGER - 1} for 2 pictures` }],
    ],
  ])('refuses %s', async (_, request, problems) => {
    expect(await failure(admit(request))).toMatchObject({ code: 'INVALID_REQUEST', details: { problems } });
  });
});

describe('admission — names', () => {
  it.each<[string, object, object]>([
    ['another model', { model: 'sd51' }, { code: 'UNKNOWN_MODEL', details: { nearest: ['sd15'] } }],
    ['an unknown sampler', { sampler: 'Euler b' }, { code: 'UNKNOWN_SAMPLER' }],
    ['an unknown LoRA', { loras: [{ lora: 'a-kohia' }] }, { code: 'UNKNOWN_LORA' }],
    ['a LoRA of another model', { loras: [{ lora: 'other-width' }] }, { code: 'LORA_MISMATCH' }],
    ['eta where it has no meaning', { sampler: 'Euler', eta: 0.5 }, { code: 'UNSUPPORTED_OPTION' }],
    [
      'more layers skipped than there are',
      { clip_skip: 12 },
      { code: 'UNSUPPORTED_OPTION', details: { path: 'clip_skip' } },
    ],
  ])('refuses %s', async (_, request, error) => {
    expect(await failure(admit(request))).toMatchObject(error);
  });

  it('takes the model by its name, and LoRAs with the hash of their file', async () => {
    const job = await admit({ model: 'sd15', loras: [{ lora: 'a-kohya' }, { lora: 'b-kohya', weight: -0.5 }] });
    expect(job.loras).toEqual([
      { lora: 'a-kohya', weight: 1, hash: expect.stringMatching(/^[0-9a-f]{10}$/) },
      { lora: 'b-kohya', weight: -0.5, hash: expect.stringMatching(/^[0-9a-f]{10}$/) },
    ]);
  });
});

describe('admission — when LoRAs enter', () => {
  const loras = [{ lora: 'a-kohya' }];

  it.each([{ at_step: 0 }, { at_step: 19 }, { max_steps: 19 }, 'exact'])('takes %j of 20 steps', async (lora_start) => {
    expect(await admit({ loras, lora_start })).toMatchObject({ lora_start, warnings: [] });
  });

  it.each([
    [{ at_step: 20 }, 'lora_start.at_step must be below steps, which is 20: take 19 at most'],
    [{ max_steps: 20 }, 'lora_start.max_steps must be below steps'],
    [{ at_step: -1 }, 'lora_start.at_step must be at least 0'],
    [{ max_steps: 1.5 }, 'lora_start.max_steps must be a whole number'],
    [{}, 'lora_start.at_step is missing'],
    [{ at_step: 1, max_steps: 2 }, 'lora_start.'],
    [{ step: 2 }, 'lora_start must be "exact", {"at_step": K} or {"max_steps": K}'],
    ['now', 'lora_start must be "exact", {"at_step": K} or {"max_steps": K}'],
  ])('refuses %j', async (lora_start, text) => {
    const error = await failure(admit({ loras, lora_start }));
    expect(error).toMatchObject({ code: 'INVALID_REQUEST', message: expect.stringContaining(text) });
  });

  it('tells that it does nothing without LoRAs', async () => {
    for (const none of [[], [{ lora: 'a-kohya', weight: 0 }]]) {
      const { warnings } = await admit({ loras: none, lora_start: { at_step: 3 } });
      expect(warnings).toEqual([{ field: 'lora_start', message: expect.stringContaining('no effect') }]);
    }
  });
});

describe('admission — ControlNets', () => {
  it('keeps the finished hint as a file of the job', async () => {
    const job = await admit({ job: 'hinted', controlnets: [{ controlnet: 'controlnet-a', image }] });
    expect(job.controlnets).toEqual([
      {
        controlnet: 'controlnet-a',
        hint: expect.stringMatching(/^hinted-hint-0-[0-9a-f]{16}\.png$/),
        preprocessor: 'canny',
        canny_low: 100,
        canny_high: 200,
        threshold: 127,
        downsampling: 1,
        resize_mode: 'stretch',
        controlnet_conditioning_scale: 1,
        control_guidance_start: 0,
        control_guidance_end: 1,
      },
    ]);
    expect(atDoor.files.names).toContain(job.controlnets[0]!.hint);
  });

  it('another request under the same id cannot change a hint that waits', async () => {
    const ask = (preprocessor: string): Promise<AdmittedJob> =>
      admit({ job: 'twice', controlnets: [{ controlnet: 'controlnet-a', image, preprocessor }] });
    const [first, again, other] = [await ask('canny'), await ask('canny'), await ask('none')];
    expect(again.controlnets).toEqual(first.controlnets);
    expect(other.controlnets[0]!.hint).not.toBe(first.controlnets[0]!.hint);
  });

  it.each<[string, object, object]>([
    ['an unknown ControlNet', { controlnet: 'controlnet-c' }, { code: 'UNKNOWN_CONTROLNET' }],
    [
      'what is no image',
      { controlnet: 'controlnet-a', image: 'bm90IGFuIGltYWdl' },
      { code: 'INVALID_IMAGE', details: { path: 'controlnets.0.image' } },
    ],
    [
      'an object that is not there',
      { controlnet: 'controlnet-a', image: 'object:nothing.png' },
      { code: 'INVALID_IMAGE', details: { path: 'controlnets.0.image' } },
    ],
  ])('refuses %s', async (_, unit, error) => {
    expect(await failure(admit({ controlnets: [{ image, ...unit }] }))).toMatchObject(error);
  });
});
