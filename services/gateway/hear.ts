/** What a gateway hears of the mesh: the events of every job, spans, and previews, of which one of the gateways makes events. */
import { publishJson, subscribeJson } from '#shared/bus/door.ts';
import { subjects } from '#shared/bus/subjects.ts';
import type { Transport } from '#shared/bus/transport.ts';
import { JobEvent } from '#shared/contracts/jobs.ts';
import type { SpanRecord } from '#shared/contracts/span.ts';
import { decode } from '#shared/wire/codec.ts';
import type { Message } from '#shared/wire/message.ts';
import { previewEvent } from './previews.ts';

/** Previews in the making; what comes beyond them is dropped, since a newer one follows. */
const MAX_PREVIEWS = 8;

/** Hands on the events of every job; until the process ends. */
export function hearEvents(transport: Transport, hear: (event: JobEvent) => void): void {
  subscribeJson(transport, subjects.allEvents, (body) => {
    const event = JobEvent.safeParse(body).data;
    if (event) hear(event);
  });
}

/** Turns previews into events; until the process ends. */
export function makePreviews(transport: Transport): void {
  let inTheMaking = 0;
  const make = async (payload: Uint8Array): Promise<void> => {
    const message = decodeOrNothing(payload);
    const event = message && (await previewEvent(message));
    if (event) publishJson(transport, subjects.events(event.job), event);
  };
  const take = ({ payload }: { readonly payload: Uint8Array }): void => {
    if (inTheMaking >= MAX_PREVIEWS) return;
    inTheMaking++;
    // What is no preview is nobody's failure: anyone may publish here.
    const done = make(new Uint8Array(payload)).catch(() => {});
    void done.then(() => void inTheMaking--);
  };
  transport.subscribe(subjects.allPreviews, take, { queue: 'gateway' });
}

/** Hands on finished spans of all processes, until the returned function is called. */
export function hearSpans(transport: Transport): (listener: (spans: readonly SpanRecord[]) => void) => () => void {
  return (listener) => {
    const subscription = subscribeJson(transport, subjects.allSpans, (body) => {
      if (Array.isArray(body)) listener(body.filter(isSpan));
    });
    return () => void subscription.drain();
  };
}

function isSpan(value: unknown): value is SpanRecord {
  const { name, instance, attributes } = (value ?? {}) as Partial<SpanRecord>;
  return typeof name === 'string' && typeof instance === 'string' && typeof attributes === 'object';
}

function decodeOrNothing(payload: Uint8Array): Message | undefined {
  try {
    return decode(payload);
  } catch {
    return undefined;
  }
}
