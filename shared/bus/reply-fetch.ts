/** The taking side of a large reply: by the short way where one is offered and works, else in chunks. */
import type { MeshError } from '#shared/errors/errors.ts';
import { type DirectFetch, fetchDirect } from './direct-path.ts';
import type { Line } from './protocol.ts';
import { type ReceiverOptions, TransferReceiver } from './transfer-receiver.ts';

/** Both ways to the same bytes. */
export interface ReplyFetchOptions extends ReceiverOptions {
  /** Address of the short way, as the callee told it. */
  readonly direct: string | undefined;
}

/** See the head of this file. */
export class ReplyFetch {
  readonly #line: Line;
  readonly #options: ReplyFetchOptions;
  readonly #settled = Promise.withResolvers<Uint8Array>();
  #short: DirectFetch | undefined;
  #chunks: TransferReceiver | undefined;
  #isStopped = false;

  constructor(line: Line, options: ReplyFetchOptions) {
    this.#line = line;
    this.#options = options;
    const { direct, totalBytes } = options;
    if (direct === undefined || !line.direct) {
      this.#takeChunks();
      return;
    }
    this.#short = fetchDirect(direct, totalBytes);
    this.#short.done.then(this.#settled.resolve, () => this.#takeChunks());
  }

  /** The payload, complete. @throws MeshError TRANSFER_FAILED when no chunk comes; never settles once it was stopped */
  get done(): Promise<Uint8Array> {
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
    this.#chunks.done.then(this.#settled.resolve, this.#settled.reject);
  }
}
