/**
 * The taking side of a transfer: one buffer of the announced length, filled by chunks that are asked for.
 *
 *     receiver                                sender
 *       │ credit next 0, limit 32, rewind ────► │
 *       │ ◄────────────────── chunks 0 … 31     │
 *       │ credit next 8, limit 40 ────────────► │   every WINDOW_CHUNKS / 4 chunks
 *       │ ◄────────────────── chunks 32 … 39    │
 *       │ credit next 9, limit 41, rewind ────► │   after a gap, or a second without a chunk: what was lost, again
 *
 * So what is on its way is bounded by the receiver, not by luck: a server drops a client that is sent more than it reads.
 * A chunk that is not the next one is thrown away.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { takeBytes } from '#shared/wire/spare-buffers.ts';
import type { Timer } from './clock.ts';
import { EMPTY, HEADER, type Line } from './protocol.ts';
import { CHUNK_BYTES, CHUNK_HEAD_BYTES, chunkCount } from './transfer-sender.ts';

/** Chunks on their way to one receiver: 1.9 MB. */
export const WINDOW_CHUNKS = 32;
/** The largest payload. The ControlNet residuals of SDXL at 1024² are 107 MB. */
export const MAX_TRANSFER_BYTES = 1024 ** 3;
/** Whether an announced length is one that a transfer can have. */
export function isTransferLength(totalBytes: number): boolean {
  return Number.isSafeInteger(totalBytes) && totalBytes > 0 && totalBytes <= MAX_TRANSFER_BYTES;
}

/** A transfer that stands still is helped on after this time, and given up after so many times. */
const STALL_CHECK_MS = 1000;
const STALL_CHECKS = 5;
const REWIND = { [HEADER.rewind]: 'yes' };

/** How much comes, and by which subjects the two sides speak. */
export interface ReceiverOptions {
  /** As announced by the sender, at most MAX_TRANSFER_BYTES. */
  readonly totalBytes: number;
  /** Where the sender takes credit. */
  readonly creditSubject: string;
  /** Where the sender may speak to us, and where we hear that it is gone. */
  readonly replySubject: string;
  /** Where we take chunks. */
  readonly chunkSubject: string;
}

/** See the head of this file. */
export class TransferReceiver {
  readonly #line: Line;
  readonly #options: ReceiverOptions;
  readonly #count: number;
  readonly #settled = Promise.withResolvers<Uint8Array>();
  readonly #leave: () => void;
  #bytes: Uint8Array = EMPTY;
  #next = 0;
  #limit = 0;
  #timer: Timer | undefined;
  #idleChecks = 0;
  #hasMoved = false;
  /** A gap has been reported; more out-of-order chunks are its echo. */
  #isRewinding = false;

  constructor(line: Line, options: ReceiverOptions) {
    this.#line = line;
    this.#options = options;
    this.#count = chunkCount(options.totalBytes);
    // Whoever stops a transfer need not be waiting for it.
    this.#settled.promise.catch(() => {});
    this.#leave = line.slots.enter(() => this.#start());
  }

  /** The payload, complete. @throws MeshError TRANSFER_FAILED when it stands still; the reason of `stop` */
  get done(): Promise<Uint8Array> {
    return this.#settled.promise;
  }

  onChunk(chunk: Uint8Array): void {
    if (this.#limit === 0 || chunk.byteLength < CHUNK_HEAD_BYTES) return;
    const index = new DataView(chunk.buffer, chunk.byteOffset).getUint32(0, true);
    if (index === this.#next) this.#take(chunk.subarray(CHUNK_HEAD_BYTES));
    else if (index > this.#next && !this.#isRewinding) this.#rewind();
  }

  /** Gives up. Idempotent. */
  stop(reason: MeshError): void {
    this.#timer?.cancel();
    this.#limit = 0;
    this.#bytes = EMPTY;
    this.#leave();
    this.#settled.reject(reason);
  }

  #start(): void {
    this.#bytes = takeBytes(this.#options.totalBytes);
    this.#grant(REWIND);
    this.#watch();
  }

  #take(data: Uint8Array): void {
    const from = this.#next * CHUNK_BYTES;
    if (data.byteLength !== Math.min(CHUNK_BYTES, this.#bytes.byteLength - from)) {
      this.stop(new MeshError('TRANSFER_FAILED', `Chunk ${this.#next} is ${data.byteLength} bytes long.`));
      return;
    }
    this.#bytes.set(data, from);
    this.#next++;
    this.#hasMoved = true;
    this.#isRewinding = false;
    if (this.#next === this.#count) this.#complete();
    else if (this.#limit < this.#count && this.#limit - this.#next <= (WINDOW_CHUNKS * 3) / 4) this.#grant({});
  }

  #complete(): void {
    const bytes = this.#bytes;
    this.#settled.resolve(bytes);
    this.stop(new MeshError('INTERNAL', 'The transfer is complete.'));
  }

  #rewind(): void {
    this.#isRewinding = true;
    this.#grant(REWIND);
  }

  #grant(extra: Readonly<Record<string, string>>): void {
    this.#limit = this.#next + WINDOW_CHUNKS;
    const { creditSubject, replySubject, chunkSubject } = this.#options;
    const headers = {
      [HEADER.kind]: 'credit',
      [HEADER.next]: `${this.#next}`,
      [HEADER.limit]: `${this.#limit}`,
      [HEADER.to]: chunkSubject,
      ...extra,
    };
    this.#line.transport.publish(creditSubject, EMPTY, { headers, reply: replySubject });
  }

  #watch(): void {
    this.#timer = this.#line.clock.after(STALL_CHECK_MS, () => {
      if (this.#hasMoved || !this.#line.transport.isConnected) this.#idleChecks = 0;
      else this.#idleChecks++;
      if (this.#idleChecks >= STALL_CHECKS) this.stop(this.#stalled());
      else this.#helpOn();
    });
  }

  #helpOn(): void {
    if (!this.#hasMoved) this.#rewind();
    this.#hasMoved = false;
    this.#watch();
  }

  #stalled(): MeshError {
    const seconds = (STALL_CHECKS * STALL_CHECK_MS) / 1000;
    const { totalBytes } = this.#options;
    return new MeshError('TRANSFER_FAILED', `No chunk came for ${seconds} s; the sender is gone or stuck.`, {
      totalBytes,
      receivedBytes: Math.min(this.#next * CHUNK_BYTES, totalBytes),
    });
  }
}
