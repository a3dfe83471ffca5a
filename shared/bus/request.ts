/** The request of a call as it arrives, checked. */
import { MeshError } from '#shared/errors/errors.ts';
import type { Headers } from './bus.ts';
import { HEADER, ownHeaders } from './protocol.ts';
import { requireReplySubject } from './reply-subject.ts';
import { isToken } from './subjects.ts';
import { isTransferLength } from './transfer-receiver.ts';
import type { Delivery } from './transport.ts';

/** See the head of this file. */
export interface CallRequest {
  readonly id: string;
  readonly subject: string;
  readonly replySubject: string;
  /** Name of the process that calls; undefined when it does not say. */
  readonly caller: string | undefined;
  /** By the clock of this process. */
  readonly deadlineUnixMs: number;
  readonly headers: Headers;
  readonly payload: Uint8Array;
  /** Set when the payload has to be fetched. */
  readonly totalBytes: number | undefined;
}

/** @throws MeshError INVALID_REQUEST when the message is no call of this bus */
export function parseRequest({ subject, headers, payload, reply }: Delivery, nowUnixMs: number): CallRequest {
  requireReplySubject(reply);
  const id = headers[HEADER.call] ?? '';
  const remainingMs = Number(headers[HEADER.remainingMs] ?? Number.NaN);
  const announced = headers[HEADER.bytes];
  const totalBytes = announced === undefined ? undefined : Number(announced);
  if (reply === undefined || !isToken(id) || !Number.isFinite(remainingMs) || !isLength(totalBytes)) {
    throw new MeshError(
      'INVALID_REQUEST',
      `${subject} is for actors, which call it by the bus; people ask the gateway.`,
    );
  }
  // The payload is lent, and its tensors need an aligned buffer.
  const own = new Uint8Array(payload);
  return {
    id,
    subject,
    replySubject: reply,
    caller: headers[HEADER.instance],
    deadlineUnixMs: nowUnixMs + remainingMs,
    headers: ownHeaders(headers),
    payload: own,
    totalBytes,
  };
}

function isLength(totalBytes: number | undefined): boolean {
  return totalBytes === undefined || isTransferLength(totalBytes);
}
