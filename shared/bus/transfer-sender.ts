/** The giving side of a transfer: sends the chunks it has credit for. Has no clock: the receiver drives it. */
import { SegmentReader, type Segments } from '#shared/wire/segments.ts';
import { HEADER } from './protocol.ts';
import { isReplySubject } from './reply-subject.ts';
import type { Delivery, Transport } from './transport.ts';

/**
 * Bytes of payload per chunk. With its number and the protocol line a message stays under the 64 KiB that a socket read
 * returns, so the other client mostly finds whole messages; measured the cheapest size for both clients and the server.
 */
export const CHUNK_BYTES = 60 * 1024;
/** The number of the chunk, u32 little endian. */
export const CHUNK_HEAD_BYTES = 4;

/** Chunks that a payload is cut into. */
export function chunkCount(totalBytes: number): number {
  return Math.ceil(totalBytes / CHUNK_BYTES);
}

/** See the head of this file. */
export class TransferSender {
  readonly #transport: Transport;
  readonly #reader: SegmentReader;
  readonly #count: number;
  #next = 0;

  constructor(transport: Transport, segments: Segments) {
    this.#transport = transport;
    this.#reader = new SegmentReader(segments);
    this.#count = chunkCount(this.#reader.byteLength);
  }

  get totalBytes(): number {
    return this.#reader.byteLength;
  }

  /** Obeys a `credit` message. */
  onCredit({ headers }: Delivery): void {
    const to = headers[HEADER.to];
    const next = Number(headers[HEADER.next]);
    const limit = Number(headers[HEADER.limit]);
    if (
      to === undefined ||
      !isReplySubject(to) ||
      !Number.isSafeInteger(next) ||
      !Number.isSafeInteger(limit) ||
      next < 0
    )
      return;
    if (headers[HEADER.rewind] !== undefined) this.#next = next;
    const end = Math.min(limit, this.#count);
    for (; this.#next < end; this.#next++) this.#transport.publish(to, this.#chunk(this.#next));
  }

  #chunk(index: number): Uint8Array {
    const from = index * CHUNK_BYTES;
    const length = Math.min(CHUNK_BYTES, this.#reader.byteLength - from);
    // Slow, since pooled memory would be kept alive by every other chunk.
    const chunk = Buffer.allocUnsafeSlow(CHUNK_HEAD_BYTES + length);
    chunk.writeUInt32LE(index, 0);
    this.#reader.read(from, chunk.subarray(CHUNK_HEAD_BYTES));
    return chunk;
  }
}
