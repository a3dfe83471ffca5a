import { describe, expect, it } from 'vitest';
import { formatInfotext, type Infotext } from '#shared/image/infotext.ts';
import { parseInfotext } from '#shared/image/parse-infotext.ts';

const small: Infotext = {
  prompt: 'a cat',
  steps: 20,
  sampler: 'Euler a',
  cfgScale: 7,
  seed: 965400086,
  width: 512,
  height: 768,
};

const full: Infotext = {
  ...small,
  prompt: 'a cat, (red: 1.2)\nsecond line, with Steps: 3',
  negativePrompt: 'dog\nblurry, text: none',
  sampler: 'DPM++ 2M',
  scheduleType: 'Karras',
  cfgScale: 7.5,
  seed: Number.MAX_SAFE_INTEGER,
  modelHash: '45dee52b1c',
  model: 'odd, "named": model',
  variationSeed: 12,
  variationStrength: 0.25,
  seedResizeFrom: { width: 512, height: 768 },
  denoisingStrength: 0.6,
  clipSkip: 2,
  rng: 'CPU',
  loras: [
    { name: 'pixel-art', weight: 0.8, hash: '0123456789' },
    { name: 'ink', weight: -1 },
    { name: 'oil', weight: 0.5, unetWeight: -0.25 },
  ],
  controlNets: [
    {
      module: 'canny',
      model: 'sd15-canny',
      weight: 1,
      thresholdA: 100,
      thresholdB: 200,
      guidanceStart: 0,
      guidanceEnd: 0.5,
    },
    {
      module: 'none',
      model: 'depth',
      weight: 0.75,
      resizeMode: 'Just Resize',
      processorRes: 512,
      guidanceStart: 0.25,
      guidanceEnd: 1,
      pixelPerfect: true,
      controlMode: 'Balanced',
    },
  ],
  extra: { Eta: '0.5', 'Hires prompt': 'sharp, "crisp"\nlines' },
  version: 'latentmesh v0.1.0',
};

/**
 * A1111's own reader, line by line: modules/infotext_utils.py `parse_generation_parameters`, without what it does to a
 * web form.
 */
function readAsA1111(text: string): Record<string, string> {
  const pattern = /\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)/g;
  const lines = text.trim().split('\n');
  let lastLine = lines.pop() ?? '';
  if ([...lastLine.matchAll(pattern)].length < 3) {
    lines.push(lastLine);
    lastLine = '';
  }
  const result: Record<string, string> = { Prompt: '', 'Negative prompt': '' };
  let key = 'Prompt';
  for (const line of lines.map((raw) => raw.trim())) {
    const isNegative = line.startsWith('Negative prompt:');
    if (isNegative) key = 'Negative prompt';
    const rest = isNegative ? line.slice('Negative prompt:'.length).trim() : line;
    result[key] += (result[key] === '' ? '' : '\n') + rest;
  }
  for (const [, name, value] of lastLine.matchAll(pattern)) {
    const plain = value!.startsWith('"') && value!.endsWith('"') ? String(JSON.parse(value!)) : value!;
    const [, width, height] = /^(\d+)x(\d+)$/.exec(plain) ?? [];
    if (width && height) Object.assign(result, { [`${name}-1`]: width, [`${name}-2`]: height });
    else result[name!] = plain;
  }
  return result;
}

describe('infotext — writing', () => {
  it('writes what A1111 writes for a plain picture', () => {
    expect(formatInfotext({ ...small, negativePrompt: 'dog', modelHash: '45dee52b', model: 'v1-5', rng: 'CPU' })).toBe(
      [
        'a cat',
        'Negative prompt: dog',
        'Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x768, Model hash: 45dee52b, Model: v1-5, RNG: CPU',
      ].join('\n'),
    );
  });

  it('leaves out an empty negative prompt and a clip skip of 1', () => {
    expect(formatInfotext({ ...small, negativePrompt: '', clipSkip: 1 })).toBe(formatInfotext(small));
  });

  it('appends LoRAs to the prompt unless asked not to', () => {
    const loras = [{ name: 'ink', weight: 0.5, hash: '0123456789' }];
    const info = { ...small, loras };
    expect(formatInfotext(info).split('\n')[0]).toBe('a cat <lora:ink:0.5>');
    const parts = { ...small, loras: [{ name: 'ink', weight: 0.5, unetWeight: 1 }] };
    expect(formatInfotext(parts).split('\n')[0]).toBe('a cat <lora:ink:0.5:1>');
    expect(formatInfotext(info, { loraTags: false }).split('\n')[0]).toBe('a cat');
    expect(formatInfotext(info, { loraTags: false })).toContain('Lora hashes: "ink: 0123456789"');
  });

  it('writes a ControlNet in the words of its extension', () => {
    const canny = full.controlNets!.slice(0, 1);
    expect(formatInfotext({ ...small, controlNets: canny })).toContain(
      'ControlNet 0: "Module: canny, Model: sd15-canny, Weight: 1.0, Threshold A: 100, Threshold B: 200, Guidance Start: 0.0, Guidance End: 0.5"',
    );
  });

  it('is read by A1111 with every value whole', () => {
    expect(readAsA1111(formatInfotext(full))).toEqual({
      'Variation seed': '12',
      'Variation seed strength': '0.25',
      'Seed resize from-1': '512',
      'Seed resize from-2': '768',
      Prompt: `${full.prompt} <lora:pixel-art:0.8> <lora:ink:-1> <lora:oil:0.5:-0.25>`,
      'Negative prompt': full.negativePrompt,
      Steps: '20',
      Sampler: 'DPM++ 2M',
      'Schedule type': 'Karras',
      'CFG scale': '7.5',
      Seed: '9007199254740991',
      'Size-1': '512',
      'Size-2': '768',
      'Model hash': '45dee52b1c',
      Model: full.model,
      'Denoising strength': '0.6',
      'Clip skip': '2',
      RNG: 'CPU',
      'Lora hashes': 'pixel-art: 0123456789',
      'ControlNet 0':
        'Module: canny, Model: sd15-canny, Weight: 1.0, Threshold A: 100, Threshold B: 200, Guidance Start: 0.0, Guidance End: 0.5',
      'ControlNet 1':
        'Module: none, Model: depth, Weight: 0.75, Resize Mode: Just Resize, Processor Res: 512, Guidance Start: 0.25, Guidance End: 1.0, Pixel Perfect: True, Control Mode: Balanced',
      Eta: '0.5',
      'Hires prompt': 'sharp, "crisp"\nlines',
      Version: 'latentmesh v0.1.0',
    });
  });
});

describe('infotext — reading', () => {
  it.each([
    ['small', small],
    ['full', full],
  ])('gives back what was written: %s', (_, info) => {
    expect(parseInfotext(formatInfotext(info))).toEqual(info);
  });

  it('reads a text of A1111 itself', () => {
    const text = [
      'portrait of a knight, <lora:armour_v2:0.7>, sharp',
      'Negative prompt: blurry',
      'Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 1, Size: 640x960, Model hash: 6ce0161689, Model: v1-5-pruned-emaonly, VAE hash: 735e4c3a44, Lora hashes: "armour_v2: 0a1b2c3d4e", Version: v1.10.1',
    ].join('\n');
    expect(parseInfotext(text)).toEqual({
      prompt: 'portrait of a knight,, sharp',
      negativePrompt: 'blurry',
      steps: 28,
      sampler: 'DPM++ 2M',
      scheduleType: 'Karras',
      cfgScale: 6.5,
      seed: 1,
      width: 640,
      height: 960,
      modelHash: '6ce0161689',
      model: 'v1-5-pruned-emaonly',
      loras: [{ name: 'armour_v2', weight: 0.7, hash: '0a1b2c3d4e' }],
      version: 'v1.10.1',
      extra: { 'VAE hash': '735e4c3a44' },
    });
  });

  it.each([
    ['no parameters', 'just a prompt', /no parameters/],
    ['a missing seed', 'a\nSteps: 20, Sampler: Euler, CFG scale: 7, Size: 8x8', /seed/],
    ['a book', 'a'.repeat(70_000), /longer/],
    ['a line that would take the pattern minutes', `a\n${'a '.repeat(20_000)}`, /longer/],
  ])('refuses %s', (_, text, reason) => {
    expect(() => parseInfotext(text)).toThrowError(expect.objectContaining({ code: 'INVALID_REQUEST' }));
    expect(() => parseInfotext(text)).toThrowError(reason);
  });
});
