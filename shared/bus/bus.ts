/**
 * The bus as actors see it: call, serve, publish, subscribe. One implementation (`mesh-bus.ts`) over two transports
 * (`nats-transport.ts`, `memory-transport.ts`), which pass the same contract suite.
 */
import type { Message } from '#shared/wire/message.ts';

/** String pairs beside a message: trace context, job id. Names are lower case and kept as they are. */
export type Headers = Readonly<Record<string, string>>;

/** How a reply came to its caller. */
export interface Transfer {
  /** In one message; straight from process to process, within a host or between hosts; in chunks over NATS. */
  readonly route: 'inline' | 'unix' | 'tcp' | 'chunks';
  readonly sizeBytes: number;
  /** From the announcement of the reply to its last byte; 0 for one that was its own announcement. */
  readonly durationMs: number;
}

/** How long a call may take, and what ends it sooner. */
export interface CallOptions {
  /** Absolute. A call that would start past it fails at once; at it the call fails and the callee's signal aborts. */
  readonly deadlineUnixMs: number;
  /** Aborts the call here and the handler over there; its reason is what the caller gets (MeshError, else CANCELLED). */
  readonly signal?: AbortSignal;
  readonly headers?: Headers;
  /** The subject is one instance's own: what may have been lost is sent again at once, since nobody else could run it too. */
  readonly hasOneCallee?: boolean;
  /** Hears how the reply came, just before the call settles with it. */
  readonly onReply?: (transfer: Transfer) => void;
}

/** What a handler knows of the call it serves. */
export interface CallContext {
  readonly deadlineUnixMs: number;
  /** Aborts at the deadline, when the caller aborts, and when this side is stopped. */
  readonly signal: AbortSignal;
  readonly headers: Headers;
  readonly subject: string;
}

/** What serves a call: its reply, or what it throws, goes back to the caller. */
export type Handler = (request: Message, context: CallContext) => Promise<Message>;

/** What listens until it is drained. */
export interface Subscription {
  /** Takes nothing new; resolves when what was already delivered has been handled. Idempotent. */
  drain(): Promise<void>;
}

/** One request, one reply. The seam that decorators wrap: trace, retry, liveness. */
export type Call = (subject: string, request: Message, options: CallOptions) => Promise<Message>;

/** See the head of this file. */
export interface Bus {
  /**
   * One request, one reply, of up to 1 GiB each (larger than a message: credit-controlled chunks). The request's
   * tensors are the bus's until the call settles: do not write to them.
   * @throws MeshError the callee's own error; NO_ACTOR when nobody serves the subject; DEADLINE_EXCEEDED; CANCELLED;
   *   TRANSFER_FAILED when a chunked payload breaks off; BUS_UNAVAILABLE while disconnected for longer than the deadline
   */
  readonly call: Call;
  /** Serves a subject. The handler is awaited; what it throws becomes the caller's MeshError. With `queue`, one member of the group gets each call. */
  serve(subject: string, handler: Handler, options?: { readonly queue?: string }): Subscription;
  /** Fire and forget, one message (no chunks). @throws MeshError PAYLOAD_TOO_LARGE */
  publish(subject: string, content: Message, headers?: Headers): void;
  /** Subjects may hold wildcards `*` and `>`. The handler must not throw. */
  subscribe(subject: string, handler: (content: Message, subject: string, headers: Headers) => void): Subscription;
  /** Resolves when the server knows every subscription and has every message so far: only then is a service ready. */
  flush(): Promise<void>;
  /** Drains every subscription, so accepted calls get their reply; fails calls still out; flushes, closes. Idempotent. */
  close(): Promise<void>;
  /** Does not wait: handlers are aborted, their callers get DRAINING, calls still out fail; flushes, closes. Idempotent. */
  stop(): Promise<void>;
}
