/**
 * How one call travels, so that it ends exactly once whatever happens to the server between the two.
 *
 *     caller                                       callee
 *       │ request ──────── subject (queue group) ──► │  unknown id: runs it.  known id: says again where it stands
 *       │ ◄─────────────────────────────── accepted │  names its control subject: from here on the two speak directly
 *       │                                           │  handler runs …
 *       │ ◄────────────────────────── reply | error │  kept until released
 *       │ release ─────────────────────────────────►│  forgets the call; a handler that still runs is aborted
 *
 * Messages vanish without a word while a side is disconnected (T2), so each side asks when it has heard nothing for
 * a while, and at once after it was reconnected:
 *
 *       │ query ───────────────────────────────────►│  answered by accepted, by the reply again, or by unknown
 *       │ ◄────────────────────────────── accepted  │  said again every KEEPALIVE_MS; nobody there: the caller is gone
 *
 * A request that nobody accepted is looked for on `latentmesh.v1.call.<call>`, where every serving bus listens, and
 * sent again when no one answers. Payloads over INLINE_MAX_BYTES are announced by their length and fetched by the
 * other side, which grants credit: transfer-receiver.ts. A reply may be had by a shorter way: direct-path.ts.
 *
 * B1  Every call settles exactly once: reply, the callee's error, or an error of the bus.
 * B2  One instance runs a call at most once: the call's id is the key. Another instance may run it too only when the
 *     first did not say `accepted` for ACCEPT_TIMEOUT_MS; the caller takes one and releases the other.
 * B3  Nobody serves the subject: NO_ACTOR at once, or after RECONNECT_GRACE_MS when the connection is only just back.
 * B4  A call outlives a restart of the server: its reply arrives after it, and the handler ran once.
 * B5  The handler's signal aborts at the deadline, when the caller gives up or dies, and when the bus is stopped.
 * B6  A callee that died is ACTOR_LOST within KEEPALIVE_MS + LOST_AFTER · LOST_RETRY_MS.
 * B7  A receiver of chunks never has more than MAX_TRANSFERS · WINDOW_CHUNKS · CHUNK_BYTES on their way to it.
 */
import type { Headers, Transfer } from './bus.ts';
import type { Clock } from './clock.ts';
import type { DirectPath } from './direct-path.ts';
import type { TransferSlots } from './transfer-slots.ts';
import type { Delivery, Transport } from './transport.ts';

/** Half of the default `max_payload` of a server; with a smaller one, half of that. */
export const INLINE_MAX_BYTES = 512 * 1024;
/** Replies beyond this are worth a dial where the caller is near, though they fit into a message: in the server they are copied three times. */
export const DIRECT_FROM_BYTES = 64 * 1024;
/** A request that is not accepted within this time is looked for and sent again. */
export const ACCEPT_TIMEOUT_MS = 5000;
/** Silence after which a side asks whether the other is there. */
export const KEEPALIVE_MS = 5000;
/** The other side may be reconnecting (every 100–150 ms): so many times nobody is there before it counts as gone. */
export const LOST_AFTER = 6;
export const LOST_RETRY_MS = 500;
/** After a reconnect, the time that the other side gets to come back too. */
export const RECONNECT_GRACE_MS = 2000;
export const NO_ACTOR_RETRY_MS = 200;

/** What the messages of a call say. A request has no kind. */
export type Kind = 'accepted' | 'reply' | 'error' | 'credit' | 'query' | 'release' | 'unknown';

/** Headers of the protocol; the caller's own go beside them and must not start with `mesh-`. */
export const HEADER = {
  call: 'mesh-call',
  /** Time until the deadline, ms: clocks of hosts differ, and one may jump. */
  remainingMs: 'mesh-remaining-ms',
  kind: 'mesh-kind',
  /** Name of the process that says it. */
  instance: 'mesh-instance',
  /** Length of a payload that has to be fetched. */
  bytes: 'mesh-bytes',
  /** Of `reply`: where the payload can be had without chunks (direct-path.ts). */
  direct: 'mesh-direct',
  /** Of `credit`: the chunk that is needed next, and the one before which to stop. */
  next: 'mesh-next',
  limit: 'mesh-limit',
  /** Of `credit`: where the chunks go. */
  to: 'mesh-to',
  /** Of `credit`: go back to `next`, whatever was sent. */
  rewind: 'mesh-rewind',
} as const;

/**
 * Where messages of a call go: `<inbox>.<lane>.<call>`.
 * At the caller `answer`, `probe` (answers to a query: nobody there means the callee is gone), `download` (chunks of the reply);
 * at the callee `control` and `upload` (chunks of the request).
 */
export type Lane = 'answer' | 'probe' | 'download' | 'control' | 'upload';

/** The subject of one lane of one call. */
export function laneSubject(inbox: string, lane: Lane, call: string): string {
  return `${inbox}.${lane}.${call}`;
}

/** Lane and call of a subject that {@link laneSubject} made. */
export function parseLane(subject: string): { lane: string; call: string } {
  const [lane = '', call = ''] = subject.split('.').slice(-2);
  return { lane, call };
}

/** What a message says; undefined for a request. */
export function kindOf(delivery: Delivery): Kind | undefined {
  return delivery.headers[HEADER.kind] as Kind | undefined;
}

/** The headers that a caller gave, without those of the protocol. */
export function ownHeaders(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('mesh-')));
}

/** The payload of messages that say all in their headers. */
export const EMPTY = new Uint8Array(0);

/** What a call needs of its bus. */
export interface Line {
  readonly transport: Transport;
  readonly clock: Clock;
  /** The bus's own inbox. */
  readonly inbox: string;
  /** Name of this process, for errors on the other side. */
  readonly instance: string;
  readonly slots: TransferSlots;
  /** The short way for large replies, where it may be taken. */
  readonly direct: DirectPath | undefined;
  /** Hears how replies came from an instance. */
  readonly onReply: (instance: string, transfer: Transfer) => void;
  /** Payloads beyond this are fetched in chunks. */
  readonly inlineMaxBytes: number;
  /** When the connection came back, Unix ms; -Infinity before the first loss. */
  readonly reconnectedUnixMs: number;
}
