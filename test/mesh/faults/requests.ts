/** Requests whose pictures need every service, and take long enough to be caught in the middle. */
import type { GenerateInput } from '#shared/contracts/generate.ts';
import { MAX_STEPS } from '#shared/contracts/limits.ts';
import { encodePng } from '#shared/image/png.ts';
import { pick } from '#shared/tensor/tensor.ts';
import { loadPipelineNumbers } from '../../golden/pipelines/cases.ts';

/** With a ControlNet and a LoRA: about a second. */
export async function controlledRequest(): Promise<GenerateInput> {
  const hint = await encodePng(pick(await loadPipelineNumbers(), 'control_a_64x64', 'u8'));
  return {
    prompt: 'a photo of a cat',
    steps: 40,
    width: 64,
    height: 64,
    seed: 3,
    sampler: 'Euler a',
    loras: [{ lora: 'a-kohya', weight: 1 }],
    controlnets: [{ controlnet: 'controlnet-a', image: Buffer.from(hint).toString('base64'), preprocessor: 'none' }],
  };
}

/** Nobody waits for the end of this one: a minute. */
export async function longRequest(): Promise<GenerateInput> {
  return { ...(await controlledRequest()), steps: MAX_STEPS, width: 256, height: 256 };
}
