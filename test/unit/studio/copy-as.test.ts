import { describe, expect, it } from 'vitest';
import { type GenerateInput, GenerateRequest } from '#shared/contracts/generate.ts';
import { program } from '../../../services/cli/commands.ts';
import { type GenerateFlags, generateRequest } from '../../../services/cli/generate-request.ts';
import { commandText, curlText } from '../../../services/studio/state/copy-as.ts';
import { fromRequest } from '../../../services/studio/state/from-request.ts';
import { toRequest } from '../../../services/studio/state/request.ts';

const FROM_NOISE: GenerateInput = {
  prompt: 'a boat, it\'s "red" $HOME',
  negative_prompt: '`fog`',
  steps: 12,
  guidance_scale: 5,
  guidance_rescale: 0.5,
  sampler: 'DPM++ 2M',
  schedule: 'Karras',
  width: 128,
  height: 192,
  seed: 7,
  batch: 2,
  clip_skip: 2,
  deep_cache: { cache_interval: 3, cache_branch_id: 1, cache_start: 0.2, cache_end: 0.9 },
  controlnet_every: 2,
  subseed: 9,
  subseed_strength: 0.25,
  hires: { scale: 1.5, strength: 0.6, steps: 8, upscaler: 'lanczos' },
  guess_mode: true,
  loras: [{ lora: 'neon', weight: -0.8 }],
  lora_start: { max_steps: 4 },
  controlnets: [
    {
      controlnet: 'edges',
      image: 'object:job-hint-0',
      preprocessor: 'none',
      controlnet_conditioning_scale: 0.8,
      control_guidance_start: 0.1,
      control_guidance_end: 0.9,
    },
  ],
};
const FROM_PICTURE: GenerateInput = {
  prompt: 'a boat',
  steps: 20,
  guidance_scale: 7.5,
  preset: 'fast',
  seed: 7,
  init_image: 'object:job-start',
  strength: 0.5,
  resize_mode: 'crop',
  mask_image: 'object:job-mask',
  mask_blur: 0,
  mask_invert: true,
  inpaint_fill: 'latent_noise',
  keep_unmasked: false,
  outpaint: { left: 8, right: 0, top: 16, bottom: 0 },
};
const CLOSE_UP: GenerateInput = {
  prompt: '',
  steps: 20,
  guidance_scale: 7.5,
  seed: 7,
  init_image: 'object:job-start',
  strength: 0.75,
  mask_image: 'object:job-mask',
  inpaint_full_res: true,
  inpaint_full_res_padding: 16,
};

/** The words of a line, as a POSIX shell reads single quotes. */
function words(line: string): string[] {
  const parts = line.match(/(?:'[^']*'|\\'|[^\s'\\]+)+/g)!;
  return parts.map((part) => part.replaceAll(/'([^']*)'|\\(')/g, (_, inner = '', quote = '') => inner + quote));
}

/** What the real command line would send. */
async function asked(line: string): Promise<unknown> {
  const command = program.commands.find((one) => one.name() === 'generate')!;
  const { promise, resolve } = Promise.withResolvers<GenerateInput>();
  command.action(async (prompt: string, flags: GenerateFlags) => resolve(await generateRequest(prompt, 'job', flags)));
  await program.parseAsync(words(line).slice(2), { from: 'user' });
  for (const option of command.options) command.setOptionValue(option.attributeName(), undefined);
  return JSON.parse(JSON.stringify(await promise));
}

describe('studio — a job again', () => {
  it.each([
    ['from noise', FROM_NOISE],
    ['from a picture', FROM_PICTURE],
    ['from a close-up of one', CLOSE_UP],
  ])('is asked for by the form as it was, %s', (_, request) => {
    const { form, guides, start } = fromRequest(GenerateRequest.parse(request) as GenerateInput, { index: 0, seed: 7 });
    expect(GenerateRequest.parse(toRequest(form, guides, start))).toEqual(GenerateRequest.parse(request));
  });

  it.each([
    ['from noise', FROM_NOISE],
    ['from a picture', FROM_PICTURE],
    ['from a close-up of one', CLOSE_UP],
  ])('is asked for by the command that is copied, %s', async (_, request) => {
    const { job, ...rest } = (await asked(commandText(request))) as GenerateInput;
    expect(job).toBe('job');
    expect(GenerateRequest.parse(rest)).toEqual(GenerateRequest.parse(request));
  });

  it('is asked for by the line for curl that is copied', () => {
    const [curl, , address, , header, , body] = words(curlText(FROM_NOISE, 'http://127.0.0.1:8188/'));
    expect([curl, address, header]).toEqual([
      'curl',
      'http://127.0.0.1:8188/v1/jobs',
      'content-type: application/json',
    ]);
    expect(JSON.parse(body!)).toEqual(FROM_NOISE);
  });

  it('of several, has the prompt and the seed of the picture that was chosen', () => {
    const { form } = fromRequest({ prompt: ['a boat', 'a car'], seed: 7, batch: 2 }, { index: 1, seed: 8 });
    expect(form).toMatchObject({ prompt: 'a car', seed: '8', batch: 1 });
  });
});
