/**
 * The door for people and programs: plain subjects, JSON in, JSON out (or msgpack, by header), any NATS client. Errors are
 * `{"error": {code, message, details}}` with the headers of NATS services. One message each way, nothing in chunks.
 */
import { MeshError } from '#shared/errors/errors.ts';
import type { Headers, Subscription } from './bus.ts';
import { type Clock, systemClock } from './clock.ts';
import { EndpointCounter, type EndpointStats } from './endpoint-stats.ts';
import { errorReply, isErrorReply, parseErrorReply } from './error-reply.ts';
import { parseJson, toJson } from './json-payload.ts';
import { formatsOf, parsePayload, readAddress, replyAddress, toPayload } from './payload-format.ts';
import { INLINE_MAX_BYTES } from './protocol.ts';
import { isReplySubject, requireReplySubject } from './reply-subject.ts';
import type { Delivery, Transport } from './transport.ts';

/** What a handler returns when the answer comes later, by {@link replyJson}, maybe from another process. */
export const ANSWERED_LATER: unique symbol = Symbol('answered later');

/** What a handler knows of the request it answers. */
export interface JsonContext {
  readonly subject: string;
  readonly headers: Headers;
  /** Where the answer goes, and in which form: an address for {@link replyJson}; none when nobody waits for one. */
  readonly replyAddress: string | undefined;
}

/** What it throws becomes the reply. */
export type JsonHandler = (request: unknown, context: JsonContext) => Promise<unknown>;

/** A subject that is served in JSON, with the numbers of what it has done. */
export interface JsonEndpoint extends Subscription {
  stats(): EndpointStats;
}

/**
 * Serves a subject; requests are handled side by side. One whose reply subject is no inbox is refused: an error in `stats`, no
 * answer, since there is nowhere to send one.
 */
export function serveJson(
  transport: Transport,
  subject: string,
  handler: JsonHandler,
  { queue }: { readonly queue?: string } = {},
): JsonEndpoint {
  const counter = new EndpointCounter(subject, queue);
  const running = new Set<Promise<void>>();
  const take = (delivery: Delivery): void => {
    const work = answer(transport, delivery, counted(counter, handler)).finally(() => running.delete(work));
    running.add(work);
  };
  const subscription = transport.subscribe(subject, take, queue === undefined ? {} : { queue });
  return {
    stats: () => counter.read(),
    drain: async () => {
      await subscription.drain();
      await Promise.all(running);
    },
  };
}

/** Answers a request, now or later. `address`: of its context, or a subject for JSON. */
export function replyJson(transport: Transport, address: string, body: unknown): void {
  const { subject, format } = readAddress(address);
  const { payload, headers } = toPayload(body, format);
  if (payload.byteLength <= INLINE_MAX_BYTES) transport.publish(subject, payload, headers && { headers });
  else replyError(transport, address, tooLarge(payload.byteLength));
}

/** Answers a request by an error. */
export function replyError(transport: Transport, address: string, thrown: unknown): void {
  const { subject, format } = readAddress(address);
  const { payload, headers } = errorReply(thrown);
  // Written out as JSON first: details may be what no format knows.
  const formatted = format === 'json' ? { payload } : toPayload(parseJson(payload), format);
  transport.publish(subject, formatted.payload, { headers: { ...headers, ...formatted.headers } });
}

/** @throws MeshError PAYLOAD_TOO_LARGE */
export function publishJson(transport: Transport, subject: string, body: unknown): void {
  transport.publish(subject, toJson(body));
}

/** The part of the door that tells things. */
export interface JsonPublisher {
  publishJson(subject: string, body: unknown): void;
}

/** A publisher over one connection. */
export function jsonPublisher(transport: Transport): JsonPublisher {
  return { publishJson: (subject, body) => publishJson(transport, subject, body) };
}

/** Hands on what is published on a subject; what is no JSON is left out. The handler must not throw. */
export function subscribeJson(
  transport: Transport,
  subject: string,
  handler: (body: unknown, subject: string) => void,
): Subscription {
  return transport.subscribe(subject, (delivery) => {
    const body = parseOrNothing(delivery.payload);
    if (body !== undefined) handler(body, delivery.subject);
  });
}

/** How long to wait, and what goes beside the request. */
export interface JsonRequestOptions {
  readonly timeoutMs: number;
  readonly headers?: Headers;
  readonly clock?: Clock;
}

/**
 * One request, one reply; not repeated when the connection breaks.
 * @throws MeshError what the other side answered; NO_ACTOR; DEADLINE_EXCEEDED after `timeoutMs`; PAYLOAD_TOO_LARGE
 */
export async function requestJson(
  transport: Transport,
  subject: string,
  body: unknown,
  { timeoutMs, headers, clock = systemClock }: JsonRequestOptions,
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const inbox = transport.newInbox();
  const subscription = transport.subscribe(inbox, (delivery) => settle(subject, delivery, { resolve, reject }));
  const timer = clock.after(timeoutMs, () => reject(timedOut(subject, timeoutMs)));
  try {
    transport.publish(subject, toJson(body), { reply: inbox, headers });
    return await promise;
  } finally {
    timer.cancel();
    subscription.unsubscribe();
  }
}

function counted(counter: EndpointCounter, handler: JsonHandler): JsonHandler {
  return async (request, context) => {
    const startedMs = performance.now();
    try {
      requireReplySubject(context.replyAddress && readAddress(context.replyAddress).subject);
      const reply = await handler(request, context);
      counter.count(performance.now() - startedMs);
      return reply;
    } catch (thrown) {
      counter.count(performance.now() - startedMs, MeshError.from(thrown));
      throw thrown;
    }
  };
}

async function answer(transport: Transport, delivery: Delivery, handler: JsonHandler): Promise<void> {
  const { subject, headers, reply: replySubject } = delivery;
  const formats = formatsOf(headers);
  const address = replySubject === undefined ? undefined : replyAddress(replySubject, formats.reply);
  try {
    // Parsed before the first await: the payload is lent.
    const request = parsePayload(delivery.payload, formats.request);
    const reply = await handler(request, { subject, headers, replyAddress: address });
    if (address !== undefined && reply !== ANSWERED_LATER) replyJson(transport, address, reply);
  } catch (thrown) {
    if (address !== undefined && isReplySubject(replySubject!)) replyError(transport, address, thrown);
  }
}

interface Settlers {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

function settle(subject: string, { payload, headers, isNoResponders }: Delivery, { resolve, reject }: Settlers): void {
  if (isNoResponders) reject(noActor(subject));
  else if (isErrorReply(headers)) reject(parseErrorReply(payload, headers));
  else resolveJson(payload, { resolve, reject });
}

function resolveJson(payload: Uint8Array, { resolve, reject }: Settlers): void {
  try {
    resolve(parseJson(payload));
  } catch (error) {
    reject(error);
  }
}

function parseOrNothing(payload: Uint8Array): unknown {
  try {
    return parseJson(payload);
  } catch {
    return undefined;
  }
}

function tooLarge(sizeBytes: number): MeshError {
  return new MeshError(
    'PAYLOAD_TOO_LARGE',
    `The reply is ${sizeBytes} bytes; ${INLINE_MAX_BYTES} fit into a message.`,
    {
      sizeBytes,
      limitBytes: INLINE_MAX_BYTES,
    },
  );
}

function noActor(subject: string): MeshError {
  return new MeshError('NO_ACTOR', `Nobody serves ${subject} on this NATS server. Is the mesh running?`, { subject });
}

function timedOut(subject: string, timeoutMs: number): MeshError {
  return new MeshError('DEADLINE_EXCEEDED', `${subject} did not answer within ${timeoutMs / 1000} s.`, { subject });
}
