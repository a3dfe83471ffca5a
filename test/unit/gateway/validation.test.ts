import { describe, expect, it } from 'vitest';
import { PREPROCESSOR_NAMES } from '#shared/contracts/choices.ts';
import { GenerateRequest } from '#shared/contracts/generate.ts';
import type { MeshError } from '#shared/errors/errors.ts';
import { parseRequest } from '../../../services/gateway/validation.ts';

const UNIT = { controlnet: 'canny', image: 'iVBORw0KGgo=' };

/** Every problem as `path: message`. */
function problems(input: unknown): string[] {
  try {
    parseRequest(GenerateRequest, input);
  } catch (error) {
    const { code, details } = error as MeshError;
    expect(code).toBe('INVALID_REQUEST');
    return (details.problems as { path: string; message: string }[]).map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

describe('validation — the path and the reason of every field that is wrong', () => {
  it.each<[string, unknown, string[]]>([
    ['nothing at all', {}, ['prompt: is missing']],
    ['no object', 'a lighthouse', [': must be an object']],
    [
      'an object that breaks comparisons',
      { prompt: { length: { toString: 1 } } },
      [': has an object where a text or a list belongs'],
    ],
    ['an empty name', { prompt: 'a', model: '' }, ['model: must not be empty']],
    ['a prompt of another type', { prompt: 5 }, ['prompt: must be a string or a list']],
    ['a list with something else', { prompt: ['a', 5] }, ['prompt.1: must be a string']],
    ['a seed that is no whole number', { prompt: 'a', seed: 1.5 }, ['seed: must be a whole number or a list']],
    ['a prompt that is a book', { prompt: 'a'.repeat(4001) }, ['prompt: must have at most 4000 characters']],
    ['no seed at all', { prompt: 'a', seed: [] }, ['seed: must have at least 1 entry']],
    ['too many steps', { prompt: 'a', steps: 151 }, ['steps: must be at most 150']],
    [
      'a job id that is no token',
      { prompt: 'a', job: 'my job' },
      ['job: must be letters, digits, "_" and "-", at most 64 of them'],
    ],
    ['a side that is no multiple of 8', { prompt: 'a', width: 100 }, ['width: must be a multiple of 8']],
    [
      'a field of a ControlNet',
      { prompt: 'a', controlnets: [UNIT, { image: 'x' }] },
      ['controlnets.1.controlnet: is missing'],
    ],
    [
      'a wrong type deep down',
      { prompt: 'a', loras: [{ lora: 'x', weight: '1' }] },
      ['loras.0.weight: must be a number'],
    ],
    [
      'an unknown preprocessor',
      { prompt: 'a', controlnets: [{ ...UNIT, preprocessor: 'cany' }] },
      [
        `controlnets.0.preprocessor: must be one of ${PREPROCESSOR_NAMES.map((name) => JSON.stringify(name)).join(', ')}`,
      ],
    ],
    [
      'a window that ends before it starts',
      { prompt: 'a', controlnets: [{ ...UNIT, control_guidance_start: 0.6, control_guidance_end: 0.4 }] },
      ['controlnets.0.control_guidance_start: must be before control_guidance_end'],
    ],
    [
      'thresholds that are swapped',
      { prompt: 'a', controlnets: [{ ...UNIT, canny_low: 200, canny_high: 100 }] },
      ['controlnets.0.canny_low: must not be above canny_high'],
    ],
  ])('%s', (_, input, expected) => {
    expect(problems(input)).toEqual(expected);
  });

  it('an empty prompt is none of them: the model makes what it likes', () => {
    expect(problems({ prompt: '' })).toEqual([]);
    expect(problems({ prompt: ['a', ''] })).toEqual([]);
  });

  it('tells all of them at once', () => {
    expect(problems({ prompt: 5, steps: 0, guidance_scale: 'x' })).toEqual([
      'prompt: must be a string or a list',
      'steps: must be at least 1',
      'guidance_scale: must be a number',
    ]);
  });

  it('its message tells the first five and how many more there are', () => {
    const wrong = { prompt: 5, steps: 0, guidance_scale: -1, batch: 0, clip_skip: 0, deadline_ms: 0, eta: 2 };
    const { message } = caught(() => parseRequest(GenerateRequest, wrong));
    expect(message).toMatch(
      /^The request is not right: prompt must be a string or a list; steps must .*; and 2 more\.$/,
    );
  });
});

describe('validation — fields that nobody knows', () => {
  it.each([
    ['step', 'is not a known field (did you mean steps?)'],
    ['Steps', 'is not a known field (did you mean steps?)'],
    ['negativeprompt', 'is not a known field (did you mean negative_prompt?)'],
    ['zzz', 'is not a known field'],
  ])('%s', (field, message) => {
    expect(problems({ prompt: 'a', [field]: 1 })).toEqual([`${field}: ${message}`]);
  });

  it('in a list, with the names that the list knows', () => {
    const input = { prompt: 'a', controlnets: [{ ...UNIT, conditioning_scale: 1 }], loras: [{ name: 'x', lora: 'x' }] };
    expect(problems(input)).toEqual([
      'controlnets.0.conditioning_scale: is not a known field (did you mean controlnet_conditioning_scale?)',
      'loras.0.name: is not a known field',
    ]);
  });
});

function caught(work: () => unknown): MeshError {
  try {
    work();
  } catch (error) {
    return error as MeshError;
  }
  throw new Error('nothing was thrown');
}
