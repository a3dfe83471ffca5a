/** The taking side of a large reply: by the short way where one is offered and works, else in chunks. */
import type { MeshError } from '#shared/errors/errors.ts';
import type { Transfer } from './bus.ts';
import type { DirectFetch } from './direct-fetch.ts';
import type { Line } from './protocol.ts';
import { type ReceiverOptions, TransferReceiver } from './transfer-receiver.ts';

/** Both ways to the same bytes. */
export interface ReplyFetchOptions extends ReceiverOptions {
  /** Address of the short way, as the callee told it. */
  readonly direct: string | undefined;
}

/** The payload, and how it came. */
export interface FetchedReply {
  readonly bytes: Uint8Array;
  readonly transfer: Transfer;
}

/** See the head of this file. */
export class ReplyFetch {
  readonly #line: Line;
  readonly #options: ReplyFetchOptions;
  readonly #startedMs = performance.now();
  readonly #settled = Promise.withResolvers<FetchedReply>();
  readonly #short: DirectFetch | undefined;
  #chunks: TransferReceiver | undefined;
  #isStopped = false;

  constructor(line: Line, options: ReplyFetchOptions) {
    this.#line = line;
    this.#options = options;
    const { direct, totalBytes } = options;
    this.#short = direct === undefined ? undefined : line.direct?.fetch(direct, totalBytes);
    if (!this.#short) {
      this.#takeChunks();
      return;
    }
    this.#short.done.then(
      ({ bytes, route }) => this.#settle(bytes, route),
      () => this.#takeChunks(),
    );
  }

  /** The payload, complete. @throws MeshError TRANSFER_FAILED when no chunk comes; never settles once it was stopped */
  get done(): Promise<FetchedReply> {
    return this.#settled.promise;
  }

  onChunk(chunk: Uint8Array): void {
    this.#chunks?.onChunk(chunk);
  }

  /** Gives up. Idempotent. */
  stop(reason: MeshError): void {
    this.#isStopped = true;
    this.#short?.stop();
    this.#chunks?.stop(reason);
  }

  #takeChunks(): void {
    if (this.#isStopped) return;
    this.#chunks = new TransferReceiver(this.#line, this.#options);
    this.#chunks.done.then((bytes) => this.#settle(bytes, 'chunks'), this.#settled.reject);
  }

  #settle(bytes: Uint8Array, route: Transfer['route']): void {
    const durationMs = performance.now() - this.#startedMs;
    this.#settled.resolve({ bytes, transfer: { route, sizeBytes: bytes.byteLength, durationMs } });
  }
}
