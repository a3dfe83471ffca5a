/**
 * The narrow seam under the bus: subjects, bytes, and what a NATS connection promises about them, no more.
 *
 * T1  Messages of one publisher arrive at one subscription in the order of their publishing, never within the call that publishes.
 * T2  Delivery is at most once. What is published while a side is disconnected, or just before, is lost without a word.
 * T3  Of the members of a queue group one gets a message; every plain subscription gets it.
 * T4  A message with a reply subject that nobody's subscription takes is answered there by an empty delivery with `isNoResponders`.
 */
import type { Headers } from './bus.ts';

/** A message as a subscription gets it. */
export interface Delivery {
  readonly subject: string;
  /** Lent for the time of the callback: copy what you keep. Starts at any offset, so it may be misaligned. */
  readonly payload: Uint8Array;
  readonly headers: Headers;
  readonly reply: string | undefined;
  readonly isNoResponders: boolean;
}

/** What goes beside a payload. */
export interface PublishOptions {
  readonly headers?: Headers | undefined;
  /** Subject for answers, and for the word that nobody is there to give one. */
  readonly reply?: string | undefined;
}

/** An interest in a subject, until it ends. */
export interface TransportSubscription {
  /** Ends at once; what is on the way is dropped. Idempotent. */
  unsubscribe(): void;
  /** Takes nothing new; resolves when what was on the way has been handed to the callback. Idempotent. */
  drain(): Promise<void>;
}

/** `disconnected` and `connected` alternate, the former first; `error` is what the server refused, a missing permission for one. */
export type TransportStatus =
  | { readonly type: 'disconnected' }
  | { readonly type: 'connected' }
  | { readonly type: 'error'; readonly error: Error };

/** See the head of this file. */
export interface Transport {
  /** Largest payload with headers, bytes. */
  readonly maxPayloadBytes: number;
  /** Runs behind the truth by the time it takes to notice. */
  readonly isConnected: boolean;
  /**
   * Hands the bytes over: they must not change afterwards, since they are copied only when the connection is flushed.
   * Dropped while disconnected, and once closed.
   * @throws MeshError PAYLOAD_TOO_LARGE; INVALID_REQUEST for a subject or header that NATS has no form for
   */
  publish(subject: string, payload: Uint8Array, options?: PublishOptions): void;
  /** The callback is synchronous; what it throws ends the process, since no caller is there to get it. */
  subscribe(
    subject: string,
    callback: (delivery: Delivery) => void,
    options?: { queue?: string },
  ): TransportSubscription;
  /** A subject of its own, without wildcards, that no other connection uses. */
  newInbox(): string;
  /** Resolves when the server has taken everything published so far. @throws MeshError BUS_UNAVAILABLE when the connection breaks */
  flush(): Promise<void>;
  /** Returns the way to stop listening. */
  onStatus(listener: (status: TransportStatus) => void): () => void;
  /** Ends all subscriptions and the connection. Idempotent. */
  close(): Promise<void>;
}

/** Throws outside of the caller's stack: inside the NATS client's parser it would silently end the reading of the socket. */
export function guarded(callback: (delivery: Delivery) => void): (delivery: Delivery) => void {
  return (delivery) => {
    try {
      callback(delivery);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
}
