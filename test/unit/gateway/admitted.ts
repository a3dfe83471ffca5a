/** An accepted job, and its result, with everything filled in that a test does not speak of. */
import type { GenerateReply } from '#shared/contracts/generate.ts';
import type { AdmittedJob } from '../../../services/gateway/job.ts';

export function admitted(more: Partial<AdmittedJob> = {}): AdmittedJob {
  return {
    job: 'job-1',
    model: 'tiny',
    prompts: ['a lighthouse at dusk'],
    negative_prompts: [''],
    zero_negative: false,
    width: 64,
    height: 64,
    steps: 20,
    guidance_scale: 7.5,
    prompt_syntax: 'plain',
    guidance_rescale: 0,
    guidance_start: 0,
    guidance_end: 1,
    sampler: 'DPM++ 2M',
    schedule: 'karras',
    eta: 0,
    rng: 'cpu',
    seeds: [42],
    clip_skip: 1,
    controlnets: [],
    guess_mode: false,
    loras: [],
    lora_start: 'exact',
    priority: 'normal',
    preview_every: 0,
    request: { prompt: 'a lighthouse at dusk' },
    warnings: [],
    accepted_unix_ms: 1_700_000_000_000,
    deadline_unix_ms: 1_700_000_060_000,
    trace: {},
    ...more,
  };
}

export function result(job: string, images: GenerateReply['images'] = []): GenerateReply {
  const timings = { queued_ms: 1, encode_ms: 2, denoise_ms: 3, decode_ms: 4, total_ms: 10 };
  return { job, trace_id: '', model: 'tiny', images, warnings: [], timings };
}
