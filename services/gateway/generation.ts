/** One generation: the only file that knows the order of the stages. */
import type { Timings, Warning } from '#shared/contracts/generate.ts';
import * as textEncoder from '#shared/contracts/text-encoder.ts';
import * as vae from '#shared/contracts/vae.ts';
import type { MeshCallOptions } from '#shared/placement/mesh-client.ts';
import { recordSpan, withSpan } from '#shared/telemetry/tracing.ts';
import { pick, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';
import type { GenerationParts } from './generation-parts.ts';
import type { AdmittedJob } from './job.ts';
import { denoise, firstPass, holdsLoras, lorasOf } from './passes.ts';
import { putBack } from './stored-start.ts';

/** What comes out of it. */
export interface Generation {
  /** u8 [B, H, W, 3] */
  readonly pixels: Tensor<'u8'>;
  readonly warnings: readonly Warning[];
  readonly timings: Timings;
  /** The first step with LoRAs, from 0; null when none entered the UNet. */
  readonly loraEnteredStep: number | null;
}

/** @throws MeshError of the stage that failed, once every retry is spent */
export async function generate(parts: GenerationParts, job: AdmittedJob, signal: AbortSignal): Promise<Generation> {
  const { now } = parts;
  const startedUnixMs = now();
  recordSpan('queued', job.accepted_unix_ms, startedUnixMs);
  const options = { deadlineUnixMs: job.deadline_unix_ms, signal };
  const [encoded, first] = await Promise.all([
    timed(now, 'encode', () => encode(parts, job, options)),
    firstPass(parts, job, options),
  ]);
  const denoised = await timed(now, 'denoise', () =>
    denoise(parts, job, { embeds: encoded.value.tensors, first }, options),
  );
  const decoded = await timed(now, 'decode', () =>
    parts.mesh.call(vae.decode, {}, { latents: denoised.value.latents }, options),
  );
  const pixels = pick(decoded.value.tensors, 'pixels', 'u8');
  const { start } = job;
  return {
    pixels: start ? await withSpan('put back', {}, () => putBack(parts.files, start, pixels)) : pixels,
    warnings: [...job.warnings, ...encoded.value.warnings],
    timings: {
      queued_ms: startedUnixMs - job.accepted_unix_ms,
      encode_ms: encoded.ms,
      denoise_ms: denoised.ms,
      decode_ms: decoded.ms,
      total_ms: now() - job.accepted_unix_ms,
    },
    loraEnteredStep: denoised.value.loraEnteredStep,
  };
}

/** A stage in its span, with the time it took. */
async function timed<T>(now: () => number, stage: string, work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const startedUnixMs = now();
  const value = await withSpan(stage, {}, work);
  return { value, ms: now() - startedUnixMs };
}

async function encode(
  { mesh }: GenerationParts,
  job: AdmittedJob,
  options: MeshCallOptions,
): Promise<{ tensors: TensorMap; warnings: Warning[] }> {
  const request = {
    prompts: job.prompts,
    // Without guidance there is no unconditional half, so nobody reads the negative prompt.
    negative_prompts: job.guidance_scale > 1 ? job.negative_prompts : null,
    clip_skip: job.clip_skip,
    loras: lorasOf(job),
  };
  const { body, tensors } = await mesh.call(
    textEncoder.encode,
    request,
    {},
    { ...options, ...holdsLoras('text_encoder', job) },
  );
  const warnings = body.truncated.map(({ field, index, text }) => {
    const path = job.prompts.length > 1 ? `${field}.${index}` : field;
    return { field: path, message: `${path} is longer than the text encoder's 77 tokens; it did not see: ${text}` };
  });
  return { tensors, warnings: dropRepeated(warnings) };
}

/** A batch of one prompt is cut once, and told once. */
function dropRepeated(warnings: readonly Warning[]): Warning[] {
  return warnings.filter((one, i) => warnings.findIndex((other) => other.message === one.message) === i);
}
