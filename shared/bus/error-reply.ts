/**
 * Errors as replies: JSON that people can read, and the headers of the NATS micro protocol, so that plain NATS tools see a
 * failure as one. Source: ADR-32, https://github.com/nats-io/nats-architecture-and-design/blob/f5f5126/adr/ADR-32.md
 */
import { MeshError, type WireError } from '#shared/errors/errors.ts';
import type { Headers } from './bus.ts';

const TEXT_HEADER = 'Nats-Service-Error';
const CODE_HEADER = 'Nats-Service-Error-Code';
/** Headers are for a glance; the text stands whole in the payload. */
const MAX_HEADER_LENGTH = 200;
/** Details beyond this are dropped rather than the error. */
const MAX_ERROR_BYTES = 64 * 1024;

/** An error reply, ready to publish. */
export interface ErrorReply {
  readonly payload: Uint8Array;
  readonly headers: Headers;
}

/** The reply for anything that was thrown. */
export function errorReply(thrown: unknown): ErrorReply {
  const error = MeshError.from(thrown);
  const text = `${error.code}: ${error.message}`.replaceAll(/\s+/g, ' ').slice(0, MAX_HEADER_LENGTH);
  return { payload: errorPayload(error), headers: { [TEXT_HEADER]: text, [CODE_HEADER]: `${error.status}` } };
}

function errorPayload(error: MeshError): Uint8Array {
  const whole = Buffer.from(stringify({ error: error.toWire() }));
  if (whole.byteLength <= MAX_ERROR_BYTES) return whole;
  const message = error.message.slice(0, MAX_ERROR_BYTES / 8);
  return Buffer.from(stringify({ error: { code: error.code, message } }));
}

/** Details are for people: what JSON does not know is written as text. */
function stringify(value: { error: WireError }): string {
  const seen = new WeakSet<object>();
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part === 'bigint' || typeof part === 'symbol' || typeof part === 'function') return String(part);
    if (typeof part !== 'object' || part === null) return part;
    if (seen.has(part)) return '(repeated)';
    seen.add(part);
    return part;
  });
}

/** Whether a reply is one of {@link errorReply}. */
export function isErrorReply(headers: Headers): boolean {
  return headers[CODE_HEADER] !== undefined;
}

/** The error on the caller's side. One that is no error of this mesh becomes INTERNAL with the text of its header. */
export function parseErrorReply(payload: Uint8Array, headers: Headers): MeshError {
  const wire = parse(payload);
  if (wire) return MeshError.fromWire(wire);
  return new MeshError('INTERNAL', headers[TEXT_HEADER] ?? 'The other side failed and did not say why.');
}

function parse(payload: Uint8Array): WireError | undefined {
  try {
    const { error } = JSON.parse(Buffer.from(payload).toString()) as { error?: Partial<WireError> };
    return typeof error?.code === 'string' && typeof error.message === 'string' ? (error as WireError) : undefined;
  } catch {
    return undefined;
  }
}
