/** The events of one job to one client: first where it stands, then each as it comes, until the last. */
import type { FastifyReply } from 'fastify';
import { isEndEvent, type JobEvent, type JobRecord } from '#shared/contracts/jobs.ts';
import type { JobFeed } from '../job-feed.ts';
import { endEvent, isOver } from '../job-records.ts';
import type { EventStream, EventStreams } from './event-stream.ts';

/** What a stream is fed from. */
export interface JobStreamParts {
  readonly feed: JobFeed;
  readonly streams: EventStreams;
  readonly record: (job: string) => Promise<JobRecord>;
}

/** How often the place in the queue is looked at, ms. */
const PLACE_MS = 1000;
/** Events can be lost with a connection, so the record is looked at again after this time, ms. */
const RECHECK_MS = 15_000;

/** Of the event after which there is none. */
export const LAST_EVENT_ID = 'end';

/** @throws MeshError UNKNOWN_JOB, before anything was sent */
export async function streamJob(parts: JobStreamParts, job: string, reply: FastifyReply): Promise<void> {
  const { feed, streams } = parts;
  const early: JobEvent[] = [];
  let hear = (event: JobEvent): unknown => early.push(event);
  // Listens before the record is read, so that nothing falls in between.
  const stopListening = feed.listen(job, (event) => hear(event));
  const record = await parts.record(job).catch((error) => {
    stopListening();
    throw error;
  });
  const stream = new JobStream(parts, job, (onClose) =>
    streams.open(reply, () => {
      stopListening();
      onClose();
    }),
  );
  hear = (event) => stream.push(event);
  for (const event of [...standing(record, feed), ...early]) stream.push(event);
}

/** Where a job stands, as events. */
function standing(record: JobRecord, feed: JobFeed): JobEvent[] {
  const { job, state } = record;
  if (isOver(record)) return [endEvent(record)];
  if (state === 'queued') return [queued(job, feed)];
  const { progress, preview } = feed.underWay(job) ?? {};
  return [{ type: 'started', job }, ...[progress, preview].filter((event) => event !== undefined)];
}

function queued(job: string, feed: JobFeed): JobEvent {
  const position = feed.position(job);
  return { type: 'queued', job, ...(position !== undefined && { position }) };
}

class JobStream {
  readonly #parts: JobStreamParts;
  readonly #job: string;
  readonly #stream: EventStream;
  readonly #place: NodeJS.Timeout;
  #position: number | undefined;
  #isOver = false;

  constructor(parts: JobStreamParts, job: string, open: (onClose: () => void) => EventStream) {
    this.#parts = parts;
    this.#job = job;
    this.#place = setInterval(() => this.#tellPlace(), PLACE_MS);
    const recheck = setInterval(() => void this.#lookAgain(), RECHECK_MS);
    this.#stream = open(() => {
      clearInterval(this.#place);
      clearInterval(recheck);
    });
  }

  /** The last event is sent once, and ends the stream. */
  push(event: JobEvent): void {
    if (this.#isOver) return;
    this.#isOver = isEndEvent(event);
    if (event.type === 'queued') this.#position = event.position;
    else clearInterval(this.#place);
    const canBeMissed = event.type === 'progress' || event.type === 'preview';
    const id = this.#isOver ? { id: LAST_EVENT_ID } : {};
    this.#stream.send({ event: event.type, data: event, isLasting: !canBeMissed, ...id });
    if (this.#isOver) this.#stream.end();
  }

  #tellPlace(): void {
    const { feed } = this.#parts;
    const position = feed.position(this.#job);
    if (position !== undefined && position !== this.#position) this.push(queued(this.#job, feed));
  }

  async #lookAgain(): Promise<void> {
    // A server that is away just now answers the next time.
    const record = await this.#parts.record(this.#job).catch(() => undefined);
    if (record && isOver(record)) this.push(endEvent(record));
  }
}
