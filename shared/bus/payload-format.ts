/** In which form a door is asked and answers: JSON, or msgpack by header. An answer that comes later keeps its form in its address. */
import { MeshError } from '#shared/errors/errors.ts';
import { packPlain, unpackPlain } from '#shared/wire/codec.ts';
import type { Headers } from './bus.ts';
import { parseJson, toJson } from './json-payload.ts';

/** How a payload is to be read. */
export type PayloadFormat = 'json' | 'msgpack';

const MSGPACK = 'application/msgpack';
const CONTENT_TYPE = 'Content-Type';
/** A subject has no blanks. */
const MARK = 'msgpack ';

/** A payload, ready to publish. */
export interface FormattedPayload {
  readonly payload: Uint8Array;
  readonly headers?: Headers;
}

/** What a request says of itself (`Content-Type`) and of its answer (`Accept`; left out, the same form). */
export function formatsOf(headers: Headers): { readonly request: PayloadFormat; readonly reply: PayloadFormat } {
  const request = formatIn(headers, CONTENT_TYPE) ?? 'json';
  return { request, reply: formatIn(headers, 'Accept') ?? request };
}

/** Where an answer goes, and in which form, as one text. */
export function replyAddress(subject: string, format: PayloadFormat): string {
  return format === 'msgpack' ? `${MARK}${subject}` : subject;
}

/** The two of {@link replyAddress}. */
export function readAddress(address: string): { readonly subject: string; readonly format: PayloadFormat } {
  const isMsgpack = address.startsWith(MARK);
  return { subject: isMsgpack ? address.slice(MARK.length) : address, format: isMsgpack ? 'msgpack' : 'json' };
}

/**
 * The value in a payload; an empty one is an empty object. Bytes in msgpack stand for their base64: a picture needs none.
 * @throws MeshError INVALID_JSON; INVALID_REQUEST for what is no msgpack
 */
export function parsePayload(payload: Uint8Array, format: PayloadFormat): unknown {
  if (format === 'json' || payload.byteLength === 0) return parseJson(payload);
  try {
    return withoutBytes(unpackPlain(new Uint8Array(payload)));
  } catch (cause) {
    const { message } = MeshError.from(cause);
    throw new MeshError('INVALID_REQUEST', `The payload is no msgpack, as its header says: ${message}`, {}, { cause });
  }
}

/** The payload that says a value. */
export function toPayload(body: unknown, format: PayloadFormat): FormattedPayload {
  if (format === 'json') return { payload: toJson(body) };
  return { payload: packPlain(body ?? null), headers: { [CONTENT_TYPE]: MSGPACK } };
}

function formatIn(headers: Headers, name: string): PayloadFormat | undefined {
  const [, value] = Object.entries(headers).find(([key]) => key.toLowerCase() === name.toLowerCase()) ?? [];
  if (value === undefined) return undefined;
  return value.includes(MSGPACK) ? 'msgpack' : 'json';
}

function withoutBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(withoutBytes);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, withoutBytes(field)]));
}
