/** The calls of one bus that are out, and the lanes their answers come by. */
import { randomUUID } from 'node:crypto';
import { MeshError } from '#shared/errors/errors.ts';
import { encode } from '#shared/wire/codec.ts';
import type { Message } from '#shared/wire/message.ts';
import { segmentsByteLength } from '#shared/wire/segments.ts';
import type { CallOptions } from './bus.ts';
import { OutgoingCall, release } from './outgoing-call.ts';
import { kindOf, type Lane, type Line } from './protocol.ts';
import { MAX_TRANSFER_BYTES } from './transfer-receiver.ts';
import type { Delivery } from './transport.ts';

/** See the head of this file. */
export class Caller {
  readonly #line: Line;
  readonly #calls = new Map<string, OutgoingCall>();
  #closed: MeshError | undefined;

  constructor(line: Line) {
    this.#line = line;
  }

  async call(subject: string, request: Message, options: CallOptions): Promise<Message> {
    this.#requireTime(subject, options);
    const segments = encode(request);
    const totalBytes = segmentsByteLength(segments);
    if (totalBytes > MAX_TRANSFER_BYTES) {
      throw new MeshError(
        'PAYLOAD_TOO_LARGE',
        `The request is ${totalBytes} bytes; ${MAX_TRANSFER_BYTES} is the limit.`,
      );
    }
    const id = randomUUID();
    const call = new OutgoingCall(this.#line, {
      ...options,
      id,
      subject,
      segments,
      onEnd: () => this.#calls.delete(id),
    });
    this.#calls.set(id, call);
    return call.run();
  }

  /** `answer`, `probe` and `download`. */
  onDelivery(lane: Lane, id: string, delivery: Delivery): void {
    const call = this.#calls.get(id);
    if (!call) this.#onLateWord(id, delivery);
    else if (lane === 'download') call.onChunk(delivery.payload);
    else call.onMessage(lane, delivery);
  }

  onConnected(): void {
    for (const call of this.#calls.values()) call.onConnected();
  }

  /** Fails what is out and everything later. Idempotent. */
  close(reason: MeshError): void {
    this.#closed ??= reason;
    for (const call of this.#calls.values()) call.fail(reason);
  }

  /** A callee that still speaks of a call that is over missed our release. */
  #onLateWord(id: string, delivery: Delivery): void {
    const kind = kindOf(delivery);
    if (delivery.reply === undefined || kind === 'unknown') return;
    release(this.#line, delivery.reply, id);
  }

  #requireTime(subject: string, { signal, deadlineUnixMs }: CallOptions): void {
    if (this.#closed) throw this.#closed;
    if (signal?.aborted) throw MeshError.fromAbort(signal);
    if (deadlineUnixMs > this.#line.clock.now()) return;
    throw new MeshError('DEADLINE_EXCEEDED', `The deadline had passed before ${subject} was called.`, { subject });
  }
}
