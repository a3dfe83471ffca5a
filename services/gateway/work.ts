/** What a gateway does with a job from the queue: generate, make PNGs, store them. */
import type { GenerateReply } from '#shared/contracts/generate.ts';
import { activeTraceId, withSpan } from '#shared/telemetry/tracing.ts';
import { generate } from './generation.ts';
import type { GenerationParts } from './generation-parts.ts';
import type { AdmittedJob } from './job.ts';
import { type Picture, toPictures } from './picture.ts';

/** The work of one job. Doing it twice gives the same files under the same names. */
export function workOn(parts: GenerationParts): (job: AdmittedJob, signal: AbortSignal) => Promise<GenerateReply> {
  return async (job, signal) => {
    const { pixels, warnings, timings, loraEnteredStep } = await generate(parts, job, signal);
    const isLate = job.lora_start !== 'exact' && loraEnteredStep !== null;
    const entered = isLate ? { lora_entered_step: loraEnteredStep } : {};
    const images = await withSpan('pictures', {}, async () => {
      const pictures = await toPictures({ ...job, ...entered }, pixels);
      return Promise.all(pictures.map((picture, i) => storePicture(parts, `${job.job}-${i}.png`, picture)));
    });
    const total_ms = parts.now() - job.accepted_unix_ms;
    return {
      job: job.job,
      trace_id: activeTraceId(),
      model: job.model,
      images,
      ...entered,
      warnings: [...warnings],
      timings: { ...timings, total_ms },
    };
  };
}

async function storePicture(
  { files }: GenerationParts,
  name: string,
  picture: Picture,
): Promise<GenerateReply['images'][number]> {
  const { png, seed, width, height, parameters } = picture;
  await files.put(name, png);
  return { seed, width, height, parameters, object: { bucket: files.bucket, name, bytes: png.length } };
}
