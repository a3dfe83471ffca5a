import { describe, expect, it } from 'vitest';
import { takeLoraTags, warnOfUnreadTags } from '../../../services/gateway/lora-tags.ts';
import { errorOf } from '../diffusion/thrown.ts';

describe('LoRA tags', () => {
  it.each([
    ['<lora:ink>', { lora: 'ink', weight: 1 }],
    ['<lora:ink:0.7>', { lora: 'ink', weight: 0.7 }],
    ['<lora:ink:-1>', { lora: 'ink', weight: -1 }],
    ['<lyco:ink:0.7>', { lora: 'ink', weight: 0.7 }],
    ['<lora:ink:0.5:0.8>', { lora: 'ink', weight: 1, te_weight: 0.5, unet_weight: 0.8 }],
    ['<lora:ink:te=0.5>', { lora: 'ink', weight: 0.5 }],
    ['<lora:ink:te=0:unet=1>', { lora: 'ink', weight: 1, te_weight: 0, unet_weight: 1 }],
    ['<lora:ink:0.7:unet=0>', { lora: 'ink', weight: 1, te_weight: 0.7, unet_weight: 0 }],
  ])('%s', (tag, lora) => {
    expect(takeLoraTags(`a boat ${tag}, at night`)).toEqual({ prompt: 'a boat , at night', loras: [lora] });
  });

  it('of all prompts of a job are the same', () => {
    expect(takeLoraTags(['a <lora:ink>', '<lora:ink> b'])).toEqual({
      prompt: ['a ', ' b'],
      loras: [{ lora: 'ink', weight: 1 }],
    });
    expect(errorOf(() => takeLoraTags(['a <lora:ink>', 'b']))).toMatchObject({
      code: 'INVALID_REQUEST',
      details: { problems: [{ path: 'prompt.1' }] },
    });
  });

  it('keep what is no tag', () => {
    for (const prompt of ['a <3 b', 'x < y > z', '<lora>']) {
      expect(takeLoraTags(prompt)).toEqual({ prompt, loras: [] });
    }
  });

  it.each([
    ['<lora:ink:much>', 'INVALID_REQUEST'],
    ['<lora:ink:>', 'INVALID_REQUEST'],
    ['<lora::1>', 'INVALID_REQUEST'],
    ['<lora:ink:11>', 'INVALID_REQUEST'],
    ['<lora:ink:dyn=4>', 'UNSUPPORTED_OPTION'],
    ['<hypernet:ink:1>', 'UNSUPPORTED_OPTION'],
  ])('%s is refused', (tag, code) => {
    const error = errorOf(() => takeLoraTags(`a ${tag}`));
    expect(error.code).toBe(code);
    expect(error.message).toContain(tag);
  });

  it('are told where they are text', () => {
    const request = { prompt: 'a <lora:ink:1>', negative_prompt: '<lora:ink>', prompt_syntax: 'plain' as const };
    expect(warnOfUnreadTags(request).map(({ field }) => field)).toEqual(['prompt', 'negative_prompt']);
    const [warning, ...others] = warnOfUnreadTags({ ...request, prompt_syntax: 'a1111' });
    expect(others).toEqual([]);
    expect(warning).toMatchObject({ field: 'negative_prompt', message: expect.stringContaining('<lora:ink>') });
  });
});
