import { describe, expect, it } from 'vitest';
import { decodeImage } from '#shared/image/decode.ts';
import { parseInfotext } from '#shared/image/parse-infotext.ts';
import { readPngText } from '#shared/image/png-text.ts';
import { tensor } from '#shared/tensor/tensor.ts';
import { parametersText, toPictures } from '../../../services/gateway/picture.ts';
import { admitted } from './admitted.ts';

const CANNY = {
  controlnet: '/models/controlnets/control_v11p_sd15_canny.safetensors',
  hint: 'hint.png',
  preprocessor: 'canny',
  canny_low: 100,
  threshold: 127,
  downsampling: 1,
  resize_mode: 'stretch',
  canny_high: 200,
  controlnet_conditioning_scale: 0.8,
  control_guidance_start: 0,
  control_guidance_end: 0.5,
} as const;

describe('picture — the text of its parameters', () => {
  it('is what A1111 writes', () => {
    const job = admitted({ negative_prompts: ['fog'], clip_skip: 2 });
    expect(parametersText(job, 0).replace(/latentmesh v[\d.]+/, 'latentmesh vX')).toBe(
      [
        'a lighthouse at dusk',
        'Negative prompt: fog',
        'Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 42, Size: 64x64, Model: tiny, Clip skip: 2, RNG: CPU, Version: latentmesh vX',
      ].join('\n'),
    );
  });

  it('has no schedule for a sampler with its own', () => {
    expect(parametersText(admitted({ sampler: 'Euler a', schedule: 'automatic', eta: 1 }), 0)).toContain(
      'Sampler: Euler a, CFG scale',
    );
  });

  it('tells ControlNets and LoRAs by the names people know them by', () => {
    const job = admitted({
      controlnets: [CANNY, { ...CANNY, controlnet: 'depth', preprocessor: 'none' }],
      loras: [{ lora: 'styles/ink.safetensors', weight: 0.7, hash: '0123456789' }],
    });
    const parsed = parseInfotext(parametersText(job, 0));
    expect(parsed.controlNets).toEqual([
      {
        module: 'canny',
        model: 'control_v11p_sd15_canny',
        weight: 0.8,
        resizeMode: 'Just Resize',
        thresholdA: 100,
        thresholdB: 200,
        guidanceStart: 0,
        guidanceEnd: 0.5,
        controlMode: 'Balanced',
      },
      {
        module: 'none',
        model: 'depth',
        weight: 0.8,
        resizeMode: 'Just Resize',
        guidanceStart: 0,
        guidanceEnd: 0.5,
        controlMode: 'Balanced',
      },
    ]);
    expect(parsed.loras).toEqual([{ name: 'ink', weight: 0.7, hash: '0123456789' }]);
  });

  it('tells eta and guess mode only where they act', () => {
    expect(parseInfotext(parametersText(admitted({ sampler: 'DDIM', eta: 0.5, guess_mode: true }), 0)).extra).toEqual({
      Eta: '0.5',
      'Guess mode': 'True',
    });
    expect(parseInfotext(parametersText(admitted(), 0)).extra).toBeUndefined();
  });

  it('tells when LoRAs entered, where that was not from the start', () => {
    const late = { ...admitted({ lora_start: { max_steps: 8 } }), lora_entered_step: 3 };
    expect(parametersText(late, 0)).toContain('Lora start: max_steps 8, Lora entered at step: 3');
    expect(parametersText({ ...late, lora_start: { at_step: 3 } }, 0)).toContain('Lora start: at_step 3');
    expect(parametersText(admitted({ lora_start: { at_step: 3 } }), 0)).not.toContain('Lora');
  });

  it('of each picture of a batch has its own prompt and seed', () => {
    const job = admitted({ prompts: ['a cat', 'a dog'], negative_prompts: ['', 'cats'], seeds: [7, 9] });
    expect([0, 1].map((i) => parseInfotext(parametersText(job, i)))).toMatchObject([
      { prompt: 'a cat', seed: 7 },
      { prompt: 'a dog', negativePrompt: 'cats', seed: 9 },
    ]);
  });
});

describe('picture — PNG', () => {
  it('takes a batch apart, pixel by pixel, each with its text', async () => {
    const job = admitted({ prompts: ['a', 'b'], negative_prompts: ['', ''], seeds: [1, 2] });
    const pixels = tensor(
      'u8',
      [2, 2, 4, 3],
      Uint8Array.from({ length: 48 }, (_, i) => i * 5),
    );
    const pictures = await toPictures(job, pixels);
    expect(pictures.map(({ seed, width, height }) => [seed, width, height])).toEqual([
      [1, 4, 2],
      [2, 4, 2],
    ]);
    for (const [i, { png, parameters }] of pictures.entries()) {
      expect((await decodeImage(png, 'png')).data).toEqual(pixels.data.subarray(i * 24, (i + 1) * 24));
      expect(readPngText(png).get('parameters')).toBe(parameters);
    }
  });
});
