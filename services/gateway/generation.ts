/** One generation: the only file that knows the order of the stages. */
import type { Timings, Warning } from '#shared/contracts/generate.ts';
import * as vae from '#shared/contracts/vae.ts';
import { recordSpan, withSpan } from '#shared/telemetry/tracing.ts';
import { pick, type Tensor } from '#shared/tensor/tensor.ts';
import { encodePrompts } from './encode-prompts.ts';
import type { GenerationParts } from './generation-parts.ts';
import type { AdmittedJob } from './job.ts';
import { denoise, firstPass } from './passes.ts';
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
    timed(now, 'encode', () => encodePrompts(parts, job, options)),
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
