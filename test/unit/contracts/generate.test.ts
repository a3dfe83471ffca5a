import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ControlNetUnit, GenerateRequest } from '#shared/contracts/generate.ts';
import * as limits from '#shared/contracts/limits.ts';

const UNIT = { controlnet: 'canny', image: 'iVBORw0KGgo=' };
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

function accepts(more: object): boolean {
  return GenerateRequest.safeParse({ prompt: 'a cat', ...more }).success;
}

describe('generate request — defaults', () => {
  it('are those of the tools that people come from', () => {
    expect(GenerateRequest.parse({ prompt: 'a cat' })).toEqual({
      prompt: 'a cat',
      steps: 20,
      guidance_scale: 7.5,
      guidance_rescale: 0,
      guidance_start: 0,
      guidance_end: 1,
      prompt_syntax: 'plain',
      rng: 'cpu',
      preview_every: 0,
      clip_skip: 1,
      controlnet_every: 1,
      controlnets: [],
      guess_mode: false,
      loras: [],
      lora_start: 'exact',
      preset: 'exact',
      priority: 'normal',
      deadline_ms: 900_000,
    });
    expect(ControlNetUnit.parse(UNIT)).toEqual({
      ...UNIT,
      preprocessor: 'canny',
      canny_low: 100,
      canny_high: 200,
      threshold: 127,
      downsampling: 1,
      resize_mode: 'stretch',
      controlnet_conditioning_scale: 1,
      control_guidance_start: 0,
      control_guidance_end: 1,
    });
  });
});

describe('generate request — bounds: the last value inside, the first outside', () => {
  it.each<[string, object, object]>([
    ['prompt', { prompt: 'a'.repeat(limits.MAX_PROMPT_CHARS) }, { prompt: 'a'.repeat(limits.MAX_PROMPT_CHARS + 1) }],
    ['prompts', { prompt: times(limits.MAX_BATCH, 'a') }, { prompt: times(limits.MAX_BATCH + 1, 'a') }],
    ['prompts', { prompt: ['a'] }, { prompt: [] }],
    ['negative_prompt', { negative_prompt: '' }, { negative_prompt: null }],
    ['width', { width: limits.MIN_SIDE }, { width: limits.MIN_SIDE - 8 }],
    ['width', { width: limits.MAX_SIDE }, { width: limits.MAX_SIDE + 8 }],
    ['height', { height: 72 }, { height: 76 }],
    ['width × height', { width: 2048, height: 2048 }, { width: 2048, height: 2056 }],
    ['steps', { steps: 1 }, { steps: 0 }],
    ['steps', { steps: limits.MAX_STEPS }, { steps: limits.MAX_STEPS + 1 }],
    ['steps', { steps: 2 }, { steps: 2.5 }],
    ['guidance_scale', { guidance_scale: 0 }, { guidance_scale: -0.1 }],
    ['guidance_scale', { guidance_scale: limits.MAX_GUIDANCE_SCALE }, { guidance_scale: 50.1 }],
    ['eta', { eta: 1 }, { eta: 1.1 }],
    ['seed', { seed: 0 }, { seed: -1 }],
    ['seed', { seed: limits.MAX_SEED }, { seed: limits.MAX_SEED + 1 }],
    ['seeds', { seed: times(limits.MAX_BATCH, 1) }, { seed: times(limits.MAX_BATCH + 1, 1) }],
    ['batch', { batch: limits.MAX_BATCH }, { batch: limits.MAX_BATCH + 1 }],
    ['clip_skip', { clip_skip: limits.MAX_CLIP_SKIP }, { clip_skip: limits.MAX_CLIP_SKIP + 1 }],
    [
      'controlnets',
      { controlnets: times(limits.MAX_CONTROLNETS, UNIT) },
      { controlnets: times(limits.MAX_CONTROLNETS + 1, UNIT) },
    ],
    ['loras', { loras: times(limits.MAX_LORAS, { lora: 'a' }) }, { loras: times(limits.MAX_LORAS + 1, { lora: 'a' }) }],
    ['weight of a LoRA', { loras: [{ lora: 'a', weight: -10 }] }, { loras: [{ lora: 'a', weight: -10.1 }] }],
    ['name of a LoRA', { loras: [{ lora: 'a/b.safetensors' }] }, { loras: [{ lora: '' }] }],
    ['deadline_ms', { deadline_ms: limits.MAX_DEADLINE_MS }, { deadline_ms: limits.MAX_DEADLINE_MS + 1 }],
    ['priority', { priority: 'low' }, { priority: 'urgent' }],
    ['client', { client: 'c'.repeat(limits.MAX_CLIENT_CHARS) }, { client: 'c'.repeat(limits.MAX_CLIENT_CHARS + 1) }],
    ['client', { client: 'Ann’s office' }, { client: '' }],
    ['job', { job: 'a'.repeat(64) }, { job: 'a'.repeat(65) }],
    ['job', { job: 'A-z_0' }, { job: 'a.b' }],
    ['a number', { steps: 20 }, { steps: '20' }],
    ['a field', { sampler: 'Euler' }, { scheduler: 'Euler' }],
  ])('%s', (_, inside, outside) => {
    expect([accepts(inside), accepts(outside)]).toEqual([true, false]);
  });

  it.each<[string, object, object]>([
    ['scale', { controlnet_conditioning_scale: 5 }, { controlnet_conditioning_scale: 5.1 }],
    [
      'window',
      { control_guidance_start: 0.5, control_guidance_end: 0.6 },
      { control_guidance_start: 0.6, control_guidance_end: 0.6 },
    ],
    ['thresholds', { canny_low: 100, canny_high: 100 }, { canny_low: 101, canny_high: 100 }],
    ['preprocessor', { preprocessor: 'none' }, { preprocessor: 'depth' }],
    ['image', { image: 'object:photo' }, { image: '' }],
  ])('%s of a ControlNet', (_, inside, outside) => {
    const unit = (more: object): object => ({ controlnets: [{ ...UNIT, ...more }] });
    expect([accepts(unit(inside)), accepts(unit(outside))]).toEqual([true, false]);
  });
});

describe('docs/nats.md — the table of a generation', () => {
  const rows = readFileSync(new URL('../../../docs/nats.md', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `') && !line.includes('latentmesh.v1'))
    .map((line) => line.split('|').map((cell) => cell.trim()));
  const rowOf = (field: string): string => rows.find((row) => row[1]!.includes(`\`${field}\``))!.join(' ');

  it('has every field of the contract, and no other', () => {
    const named = rows.flatMap((row) => row[1]!.match(/\w+/g) ?? []);
    expect(named.toSorted()).toEqual(Object.keys(GenerateRequest.shape).toSorted());
  });

  it.each<[string, readonly unknown[]]>([
    ['width', [limits.SIDE_MULTIPLE, limits.MIN_SIDE, limits.MAX_SIDE]],
    ['steps', [20, limits.MAX_STEPS]],
    ['guidance_scale', [7.5, limits.MAX_GUIDANCE_SCALE]],
    ['batch', [limits.MAX_BATCH]],
    ['deadline_ms', [limits.DEFAULT_DEADLINE_MS]],
  ])('tells the limits of %s', (field, numbers) => {
    for (const number of numbers) expect(rowOf(field)).toContain(String(number));
  });
});
