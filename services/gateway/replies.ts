/** What callers get for a finished job: pictures inline while the whole reply fits a message, else their names in the object store. */

import type { ResultStore } from '#shared/bus/object-store.ts';
import type { GenerateReply } from '#shared/contracts/generate.ts';
import type { JobRecord } from '#shared/contracts/jobs.ts';
import { MeshError } from '#shared/errors/errors.ts';

/** Bytes of all pictures that go inline: with base64 and the rest the reply stays under 512 KiB, half of a message. */
const MAX_INLINE_BYTES = 360 * 1024;

/** @throws MeshError the job's own error */
export function resultOf(record: JobRecord): GenerateReply {
  if (record.result) return record.result;
  const { code = 'INTERNAL', message = `The job ${record.job} is ${record.state}.`, details } = record.error ?? {};
  throw MeshError.fromWire({ code, message, details });
}

/** The reply over NATS. @throws MeshError the job's own error */
export async function messageReply(record: JobRecord, files: ResultStore): Promise<GenerateReply> {
  const result = resultOf(record);
  const bytes = result.images.reduce((sum, image) => sum + (image.object?.bytes ?? 0), 0);
  return bytes <= MAX_INLINE_BYTES ? withImages(result, files) : result;
}

async function withImages(result: GenerateReply, files: ResultStore): Promise<GenerateReply> {
  const images = result.images.map(async ({ object, ...image }) => {
    if (!object) return image;
    return { ...image, b64_json: Buffer.from(await files.get(object.name)).toString('base64') };
  });
  return { ...result, images: await Promise.all(images) };
}
