/** OpenAI's answers: pictures in the form that was asked for, and what we know besides. */
import type { ResultStore } from '#shared/bus/object-store.ts';
import type { GeneratedImage, GenerateReply } from '#shared/contracts/generate.ts';
import { convertImage } from '#shared/image/convert.ts';
import type { ImagesOptions } from './openai.ts';

/** What an answer is made with. */
export interface ResponseParts {
  readonly options: ImagesOptions;
  readonly files: ResultStore;
  /** `http://host:port`, as the caller knows this server. */
  readonly origin: string;
  readonly createdUnixMs: number;
}

/** `parameters`, `seed` and the rest stand beside what OpenAI's clients know. */
export async function imagesResponse(reply: GenerateReply, parts: ResponseParts): Promise<object> {
  const { images, job, trace_id, model, lora_entered_step, warnings, timings } = reply;
  const data = images.map(async (image, n) => {
    const { seed, parameters } = image;
    const picture = parts.options.isByUrl ? { url: imageUrl(job, n, parts) } : { b64_json: await base64(image, parts) };
    return { ...picture, seed, parameters };
  });
  return {
    created: Math.floor(parts.createdUnixMs / 1000),
    data: await Promise.all(data),
    output_format: parts.options.format,
    size: sizeOf(images),
    ...{ job, trace_id, model },
    ...(lora_entered_step !== undefined && { lora_entered_step }),
    ...{ warnings, timings },
  };
}

/** `512x512`; nothing where there is no picture. */
export function sizeOf([first]: readonly Pick<GeneratedImage, 'width' | 'height'>[]): string | undefined {
  return first && `${first.width}x${first.height}`;
}

/** A finished picture in the format that was asked for. */
export async function base64({ object, b64_json }: GeneratedImage, { options, files }: ResponseParts): Promise<string> {
  if (!object) return b64_json ?? '';
  const png = await files.get(object.name);
  const { format, quality } = options;
  const bytes = format === 'png' ? png : await convertImage(png, { format, quality });
  return Buffer.from(bytes).toString('base64');
}

function imageUrl(job: string, n: number, { origin, options }: ResponseParts): string {
  const { format, quality } = options;
  const query = new URLSearchParams({
    ...(format !== 'png' && { format }),
    ...(quality !== undefined && { quality: String(quality) }),
  });
  return `${origin}/v1/jobs/${job}/images/${n}${query.size > 0 ? `?${query}` : ''}`;
}
