/** The taking side of the short way: dials one place after the other until one answers, then reads to the end. */
import { connect, type Socket } from 'node:net';
import { takeBytes } from '#shared/wire/spare-buffers.ts';
import type { Place } from './direct-address.ts';

/**
 * Read at a time, straight to where the bytes belong. A unix socket gives what it has in one go; TCP comes more evenly when
 * it is read in small pieces, which keeps its window open.
 */
const PIECE_BYTES: Readonly<Record<Place['route'], number>> = { unix: 2 ** 20, tcp: 2 ** 16 };
/** A host that does not answer within this time is behind a firewall, ms. */
const DIAL_MS = 1000;

/** What lies where. */
export interface DirectFetchOptions {
  readonly token: string;
  readonly places: readonly Place[];
  /** As announced by the sender. */
  readonly totalBytes: number;
  /** A transfer that stands still for so long has failed. */
  readonly idleMs: number;
  /** Hears of places where nobody answers. */
  readonly onUnreachable: (place: Place) => void;
}

/** What came, and how. */
export interface DirectBytes {
  readonly bytes: Uint8Array;
  readonly route: Place['route'];
}

/** See the head of this file. */
export class DirectFetch {
  readonly #options: DirectFetchOptions;
  readonly #bytes: Uint8Array;
  readonly #settled = Promise.withResolvers<DirectBytes>();
  /** Where what is beyond the announced length would go: one byte of it is one too many. */
  readonly #beyond = new Uint8Array(1);
  #filled = 0;
  #socket: Socket | undefined;
  #isStopped = false;

  constructor(options: DirectFetchOptions) {
    this.#options = options;
    this.#bytes = takeBytes(options.totalBytes);
    // Whoever stops a fetch need not be waiting for it.
    this.#settled.promise.catch(() => {});
    this.#dial(options.places);
  }

  /** The bytes, complete and no more. Rejects with whatever went wrong. */
  get done(): Promise<DirectBytes> {
    return this.#settled.promise;
  }

  /** Gives up; idempotent. */
  stop(): void {
    this.#isStopped = true;
    this.#socket?.destroy();
  }

  #dial([place, ...others]: readonly Place[]): void {
    if (!place || this.#isStopped) {
      this.#settled.reject(new Error('Nobody answers there.'));
      return;
    }
    const socket = connect({
      ...place,
      onread: { buffer: () => this.#room(PIECE_BYTES[place.route]), callback: (count) => this.#take(count) },
    });
    this.#socket = socket;
    socket.on('error', () => {}); // `close` follows
    socket.setTimeout(DIAL_MS, () => socket.destroy());
    const onRefused = (): void => {
      if (!this.#isStopped) this.#options.onUnreachable(place);
      this.#dial(others);
    };
    socket.once('close', onRefused);
    socket.once('connect', () => {
      socket.off('close', onRefused);
      this.#converse(socket, place.route);
    });
  }

  #converse(socket: Socket, route: Place['route']): void {
    const { idleMs, token, totalBytes } = this.#options;
    socket.setTimeout(idleMs);
    socket.once('end', () => {
      if (this.#filled === totalBytes) this.#settled.resolve({ bytes: this.#bytes, route });
    });
    socket.once('close', () => this.#settled.reject(new Error(`${this.#filled} of ${totalBytes} bytes came.`)));
    socket.write(token);
  }

  #room(pieceBytes: number): Uint8Array {
    const room = this.#bytes.subarray(this.#filled, this.#filled + pieceBytes);
    return room.byteLength > 0 ? room : this.#beyond;
  }

  #take(count: number): boolean {
    this.#filled += count;
    if (this.#filled > this.#options.totalBytes) this.#socket?.destroy();
    return true;
  }
}
