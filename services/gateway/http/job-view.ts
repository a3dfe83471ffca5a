/** A job's record as HTTP shows it: pictures by their addresses, how far it is, and where to ask for more. */
import type { GeneratedImage } from '#shared/contracts/generate.ts';
import type { JobRecord } from '#shared/contracts/jobs.ts';
import type { JobFeed } from '../job-feed.ts';
import { nativeError } from './errors.ts';

/** See the head of this file. */
export function jobView(record: JobRecord, feed: JobFeed): Record<string, unknown> {
  const { reply_to: _, request_digest: __, result, error, ...rest } = record;
  const position = record.state === 'queued' ? feed.position(record.job) : undefined;
  const progress = feed.underWay(record.job)?.progress;
  return {
    ...rest,
    urls: jobUrls(record.job),
    ...(position !== undefined && { position }),
    ...(progress && { progress: { step: progress.step, steps: progress.steps, eta_ms: progress.eta_ms } }),
    ...(result && { result: { ...result, images: result.images.map((image, n) => imageView(record.job, image, n)) } }),
    ...(error && nativeError(error)),
  };
}

/** Addresses of a job, from the root of this server. */
export function jobUrls(job: string): { readonly self: string; readonly events: string; readonly trace: string } {
  const self = `/v1/jobs/${job}`;
  return { self, events: `${self}/events`, trace: `${self}/trace` };
}

function imageView(job: string, { b64_json: _, object, ...image }: GeneratedImage, n: number): object {
  return { ...image, url: `/v1/jobs/${job}/images/${n}`, ...(object && { bytes: object.bytes }) };
}
