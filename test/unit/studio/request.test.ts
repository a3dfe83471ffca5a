import { describe, expect, it } from 'vitest';
import { GenerateRequest } from '#shared/contracts/generate.ts';
import { parseInfotext } from '#shared/image/parse-infotext.ts';
import { EMPTY_FORM, type GuideForm } from '../../../services/studio/state/form.ts';
import { fromInfotext } from '../../../services/studio/state/from-infotext.ts';
import { drawSeed, problemsOf, toRequest } from '../../../services/studio/state/request.ts';
import { NO_START } from '../../../services/studio/state/start.ts';

const GUIDE: GuideForm = {
  key: 0,
  controlnet: 'edges',
  image: 'data:image/png;base64,AAAA',
  preprocessor: 'canny',
  cannyLow: 50,
  cannyHigh: 150,
  scale: 0.8,
  start: 0.1,
  end: 0.9,
};
const KNOWN = { samplers: ['DPM++ 2M', 'DPM++ 2M Karras', 'Euler'], loras: ['neon'] };
const TEXT = `a red boat <lora:neon:0.8>
Negative prompt: fog
Steps: 12, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5, Seed: 7, Size: 128x192, Model: pocket, Clip skip: 2, RNG: CPU, ControlNet 0: "Module: canny, Model: edges, Weight: 0.8, Resize Mode: Just Resize, Threshold A: 50, Threshold B: 150, Guidance Start: 0.1, Guidance End: 0.9, Control Mode: Balanced", Version: latentmesh v0.1.0`;

describe('studio — the request of a form', () => {
  it('leaves to the model what is untouched', () => {
    expect(toRequest(EMPTY_FORM, [])).toEqual({ prompt: '', steps: 20, guidance_scale: 7.5 });
  });

  it('says everything that is set, in fields that the mesh takes', () => {
    const form = {
      ...EMPTY_FORM,
      prompt: ' a boat ',
      negativePrompt: 'fog',
      sampler: 'Euler',
      width: '128',
      height: '192',
      seed: '7',
      isSeedLocked: true,
      batch: 2,
      clipSkip: 2,
      guessMode: true,
      loras: { neon: 0.8 },
      loraStart: 'at_step' as const,
      loraStep: 3,
    };
    const request = toRequest(form, [GUIDE]);
    expect(GenerateRequest.parse(request)).toMatchObject({
      prompt: 'a boat',
      negative_prompt: 'fog',
      sampler: 'Euler',
      width: 128,
      height: 192,
      seed: 7,
      batch: 2,
      clip_skip: 2,
      guess_mode: true,
      loras: [{ lora: 'neon', weight: 0.8 }],
      lora_start: { at_step: 3 },
      controlnets: [{ controlnet: 'edges', canny_low: 50, canny_high: 150, controlnet_conditioning_scale: 0.8 }],
    });
  });

  it('names the picture to start from, and the part of it that is to change', () => {
    const start = { ...NO_START, image: 'object:job-start', strength: 0.5 };
    expect(toRequest(EMPTY_FORM, [], start)).toMatchObject({ init_image: 'object:job-start', strength: 0.5 });
    expect(toRequest(EMPTY_FORM, [], start)).not.toHaveProperty('mask_image');
    expect(toRequest(EMPTY_FORM, [], { ...start, mask: GUIDE.image })).toMatchObject({ mask_image: GUIDE.image });
    expect(toRequest(EMPTY_FORM, [], { ...start, image: '', mask: GUIDE.image })).toEqual(toRequest(EMPTY_FORM, []));
  });

  it('draws a seed at random unless it is held', () => {
    expect(toRequest({ ...EMPTY_FORM, seed: '7' }, [])).not.toHaveProperty('seed');
    expect(drawSeed(() => 0.5)).toBe(2 ** 31);
  });

  it('tells a guide without a picture, an empty part of the steps, and a seed that is none', () => {
    const form = { ...EMPTY_FORM, seed: 'x', isSeedLocked: true };
    expect(Object.keys(problemsOf(form, [{ ...GUIDE, image: '', start: 0.9 }]))).toEqual([
      'controlnets.0.image',
      'controlnets.0.control_guidance_start',
      'seed',
    ]);
    expect(problemsOf(EMPTY_FORM, [GUIDE])).toEqual({});
  });
});

describe('studio — the form of a picture', () => {
  it('asks again for what made it', () => {
    const { form, guides, missing } = fromInfotext(parseInfotext(TEXT), KNOWN);
    expect(missing).toEqual([]);
    expect(toRequest(form, [{ ...guides[0]!, key: 0, image: GUIDE.image }])).toEqual({
      prompt: 'a red boat',
      negative_prompt: 'fog',
      steps: 12,
      guidance_scale: 5,
      sampler: 'DPM++ 2M Karras',
      width: 128,
      height: 192,
      seed: 7,
      clip_skip: 2,
      loras: [{ lora: 'neon', weight: 0.8 }],
      controlnets: [
        {
          controlnet: 'edges',
          image: GUIDE.image,
          preprocessor: 'canny',
          canny_low: 50,
          canny_high: 150,
          controlnet_conditioning_scale: 0.8,
          control_guidance_start: 0.1,
          control_guidance_end: 0.9,
        },
      ],
    });
  });

  it('names what this mesh does not have, and leaves it out', () => {
    const { form, missing } = fromInfotext(parseInfotext(TEXT), { samplers: ['Euler'], loras: [] });
    expect(missing).toEqual(['LoRA neon', 'sampler DPM++ 2M Karras']);
    expect(form).toMatchObject({ sampler: '', loras: {} });
  });
});
