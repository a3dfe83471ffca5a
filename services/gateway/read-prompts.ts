/** Prompts at the door, in the syntax that the request names: what belongs to other fields goes there. */
import type { GenerateRequest } from '#shared/contracts/generate.ts';
import { MAX_LORAS } from '#shared/contracts/limits.ts';
import { createSampler } from '#shared/diffusion/create-sampler.ts';
import type { SchedulerConfig } from '#shared/diffusion/scheduler-config.ts';
import { scheduleOf } from './admit-start.ts';
import type { AdmittedHires } from './admitted-start.ts';
import { editedPrompts, type PromptSet } from './edited-prompts.ts';
import type { EditedPrompts } from './job.ts';
import { takeLoraTags } from './lora-tags.ts';
import type { Sampling } from './sampling.ts';
import { invalidRequest } from './validation.ts';

/** The request with the LoRAs of its prompts among its LoRAs. @throws MeshError INVALID_REQUEST, UNSUPPORTED_OPTION */
export function readPrompts(request: GenerateRequest): GenerateRequest {
  if (request.prompt_syntax === 'plain') return request;
  const { prompt, loras } = takeLoraTags(request.prompt);
  const all = [...request.loras, ...loras];
  if (all.length <= MAX_LORAS) return { ...request, prompt, loras: all };
  const message = `and loras name ${all.length} LoRAs together, ${MAX_LORAS} are allowed`;
  throw invalidRequest([{ path: 'prompt', message }]);
}

/** How the runs count their steps. */
interface Runs {
  readonly sampling: Sampling;
  readonly config: SchedulerConfig;
  readonly hires: AdmittedHires | undefined;
}

/** What the prompts become over the runs; undefined where they stay as they are. @throws MeshError see `editedPrompts` */
export function editedOf(
  { prompt_syntax, steps }: GenerateRequest,
  prompts: PromptSet,
  { sampling, config, hires }: Runs,
): EditedPrompts | undefined {
  if (prompt_syntax === 'plain') return undefined;
  const { callsPerStep } = createSampler(sampling.sampler, { ...sampling, config, steps });
  const stepsBefore = steps * callsPerStep;
  const second = hires && { steps: scheduleOf(hires) * callsPerStep, stepsBefore };
  return editedPrompts(prompts, [{ steps: stepsBefore }, ...(second ? [second] : [])]);
}

/** BREAK is no word of the prompt. */
export function withoutBreaks(prompt: string): string {
  return prompt.replaceAll(/\bBREAK\b/g, ' ');
}
