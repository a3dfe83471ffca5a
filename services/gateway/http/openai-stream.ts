/** OpenAI's answer in events: pictures on the way, then the finished ones. A client that goes away cancels its job. */
import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { GenerateReply } from '#shared/contracts/generate.ts';
import type { JobEvent } from '#shared/contracts/jobs.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { convertImage } from '#shared/image/convert.ts';
import type { Caller, Desk } from '../desk.ts';
import type { JobFeed } from '../job-feed.ts';
import type { EventStream, EventStreams } from './event-stream.ts';
import { type ImagesJob, toErrorResponse } from './openai.ts';
import { base64, type ResponseParts, sizeOf } from './openai-response.ts';

/** What a stream is made of. */
export interface ImagesStreamParts extends ResponseParts {
  readonly desk: Desk;
  readonly feed: JobFeed;
  readonly streams: EventStreams;
  /** Beginning of the events' names. */
  readonly kind: 'image_generation' | 'image_edit';
  readonly caller: Caller;
}

type Preview = Extract<JobEvent, { type: 'preview' }>;

/** As it was asked for; the model's own is not known here. */
interface PictureSize {
  readonly width: number | undefined;
  readonly height: number | undefined;
}

/** Tokens mean nothing here; clients expect the field. */
const USAGE = {
  total_tokens: 0,
  input_tokens: 0,
  output_tokens: 0,
  input_tokens_details: { text_tokens: 0, image_tokens: 0 },
};

/** @throws MeshError of the door, before anything was sent */
export async function streamImages(
  parts: ImagesStreamParts,
  { input, options }: ImagesJob,
  reply: FastifyReply,
): Promise<void> {
  const { desk, feed, streams, caller } = parts;
  const { job = randomUUID() } = input;
  const every = input.preview_every ?? 0;
  const partials: Preview[] = [];
  let tell = (_: Preview): void => {};
  const stopListening = feed.listen(job, (event) => {
    if (event.type !== 'preview' || event.step % every !== 0 || partials.length >= options.partialImages) return;
    partials.push(event);
    tell(event);
  });
  try {
    await desk.accept({ ...input, job }, caller);
    const gone = new AbortController();
    const stream = streams.open(reply, () => gone.abort(new MeshError('CANCELLED', 'The client went away.')));
    const size = { width: input.width, height: input.height };
    const sender = new Sender(parts, stream, size);
    for (const early of partials) sender.partial(early);
    tell = (event) => sender.partial(event);
    await sender.finish(desk.outcome(job, gone.signal));
  } finally {
    stopListening();
  }
}

/** Sends one after the other: a conversion that takes longer does not overtake. */
class Sender {
  readonly #parts: ImagesStreamParts;
  readonly #stream: EventStream;
  readonly #size: PictureSize;
  #index = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(parts: ImagesStreamParts, stream: EventStream, size: PictureSize) {
    this.#parts = parts;
    this.#stream = stream;
    this.#size = size;
  }

  partial(preview: Preview): void {
    const index = this.#index++;
    this.#last = this.#last.then(() => this.#sendPartial(preview, index)).catch(() => {}); // the next one is as good
  }

  async finish(outcome: Promise<GenerateReply>): Promise<void> {
    try {
      const reply = await outcome;
      await this.#last;
      for (const image of reply.images) {
        const b64_json = await base64(image, this.#parts);
        const { seed, parameters } = image;
        this.#send('completed', { b64_json, size: sizeOf([image]), usage: USAGE, seed, parameters, job: reply.job });
      }
    } catch (thrown) {
      const error = toErrorResponse(MeshError.from(thrown).toWire());
      this.#stream.send({ event: 'error', data: { type: 'error', ...error }, isLasting: true });
    } finally {
      this.#stream.end();
    }
  }

  async #sendPartial({ images, step, steps }: Preview, index: number): Promise<void> {
    const [first = ''] = images;
    const jpeg = Buffer.from(first.slice(first.indexOf(',') + 1), 'base64');
    const { width, height } = this.#size;
    const { format, quality } = this.#parts.options;
    const size = width !== undefined && height !== undefined ? { size: { width, height } } : {};
    const bytes = await convertImage(jpeg, { format, quality, ...size });
    const b64_json = Buffer.from(bytes).toString('base64');
    const shown = size.size ? sizeOf([size.size]) : 'auto';
    this.#send('partial_image', { b64_json, partial_image_index: index, size: shown, step, steps });
  }

  #send(name: 'partial_image' | 'completed', fields: object): void {
    const { kind, options } = this.#parts;
    const type = `${kind}.${name}`;
    const shared = { created_at: Math.floor(Date.now() / 1000), background: 'opaque', quality: 'auto' };
    const data = { type, ...shared, output_format: options.format, ...fields };
    this.#stream.send({ event: type, data, isLasting: true });
  }
}
