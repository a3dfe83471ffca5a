/** OpenAI's images API: `/v1/images/{generations,edits,variations}`. */
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ResultStore } from '#shared/bus/object-store.ts';
import { parseInfotext } from '#shared/image/parse-infotext.ts';
import { PARAMETERS_KEYWORD } from '#shared/image/png.ts';
import { readPngText } from '#shared/image/png-text.ts';
import type { Desk } from '../desk.ts';
import type { JobFeed } from '../job-feed.ts';
import { abortOnDisconnect, callerOf, originOf } from './caller.ts';
import type { EventStreams } from './event-stream.ts';
import { type ImagesJob, readImagesRequest } from './openai.ts';
import { FORM_LIMITS, readForm } from './openai-form.ts';
import { imagesResponse } from './openai-response.ts';
import { type ImagesStreamParts, streamImages } from './openai-stream.ts';

/** What the routes need. */
export interface ImagesRouteParts {
  readonly desk: Desk;
  readonly feed: JobFeed;
  readonly files: ResultStore;
  readonly streams: EventStreams;
}

/** Adds the routes. */
export function serveImages(app: FastifyInstance, parts: ImagesRouteParts): void {
  app.post('/v1/images/generations', (request, reply) =>
    answer({ ...parts, kind: 'image_generation' }, readImagesRequest(request.body), { request, reply }),
  );
  // Forms in a context of their own: elsewhere bodies are JSON.
  void app.register((forms, _options, done) => {
    void forms.register(multipart, { limits: FORM_LIMITS });
    forms.post('/v1/images/edits', async (request, reply) =>
      answer({ ...parts, kind: 'image_edit' }, readImagesRequest(await editBody(request)), { request, reply }),
    );
    forms.post('/v1/images/variations', async (request, reply) =>
      answer({ ...parts, kind: 'image_edit' }, readImagesRequest(await variationBody(request)), { request, reply }),
    );
    done();
  });
}

async function answer(
  parts: ImagesRouteParts & Pick<ImagesStreamParts, 'kind'>,
  { input, options }: ImagesJob,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): Promise<object> {
  const caller = callerOf(request);
  const response = { options, files: parts.files, origin: originOf(request), createdUnixMs: Date.now() };
  if (options.isStream) {
    await streamImages({ ...parts, ...response, caller }, { input, options }, reply);
    return reply;
  }
  const generated = await parts.desk.generate(input, { ...caller, signal: abortOnDisconnect(reply) });
  return imagesResponse(generated, response);
}

/** A JSON body is ours already: `init_image` and `mask_image` are its pictures. */
async function editBody(request: FastifyRequest): Promise<unknown> {
  if (!request.isMultipart()) return request.body;
  const { fields, image, mask } = await readForm(request);
  return { ...fields, init_image: base64(image), ...(mask && { mask_image: base64(mask) }) };
}

/** How far a variation may go from its picture. */
const VARIATION_STRENGTH = 0.6;

/** Of one of our own pictures by its own prompt, of any other without one. */
async function variationBody(request: FastifyRequest): Promise<unknown> {
  const { fields, image } = await readForm(request);
  const told = promptOf(image);
  return { strength: VARIATION_STRENGTH, ...told, ...fields, init_image: base64(image) };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

/** What a PNG of ours, or of A1111, says of its making; nothing where it says nothing that can be read. */
function promptOf(image: Uint8Array): { readonly prompt: string; readonly negative_prompt?: string } {
  try {
    const { prompt, negativePrompt } = parseInfotext(readPngText(image).get(PARAMETERS_KEYWORD) ?? '');
    return { prompt, ...(negativePrompt !== undefined && { negative_prompt: negativePrompt }) };
  } catch {
    return { prompt: '' };
  }
}
