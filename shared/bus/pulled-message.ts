/**
 * One message from a pull consumer, if there is one now. The client library only has pulls that wait; one that waits for a lane
 * would hold a job that arrives while another lane's is taken.
 *
 * Source: ADR-13 (pull, acknowledgement) and ADR-15 (acknowledgement subject), https://github.com/nats-io/nats-architecture-and-design
 */
import { type Msg, type NatsConnection, nanos } from '@nats-io/transport-node';
import { ATTEMPT_TIMEOUT_MS } from './jet-stream.ts';

/** `$JS.ACK.<stream>.<consumer>.<deliveries>.…`, with domain and account before the stream on some servers. */
const DELIVERIES_TOKEN = 4;
const SHORT_ACK_TOKENS = 9;
const DOMAIN_TOKENS = 2;

/** See the head of this file. The server is told what became of it, once. */
export class PulledMessage {
  readonly data: Uint8Array;
  /** 1 the first time. */
  readonly deliveryCount: number;
  readonly #connection: NatsConnection;
  readonly #ackSubject: string;

  constructor(connection: NatsConnection, { data, reply = '' }: Msg) {
    this.data = data;
    this.#connection = connection;
    this.#ackSubject = reply;
    const tokens = reply.split('.');
    const isShort = tokens.length <= SHORT_ACK_TOKENS;
    this.deliveryCount = Number(tokens[isShort ? DELIVERIES_TOKEN : DELIVERIES_TOKEN + DOMAIN_TOKENS]);
  }

  /** Done. Resolves when the server has heard it; rejects when it may not have. */
  async ack(): Promise<void> {
    await this.#connection.request(this.#ackSubject, '+ACK', { timeout: ATTEMPT_TIMEOUT_MS });
  }

  /** Comes again, after a while or at once. */
  nak(delayMs = 0): void {
    this.#tell(delayMs > 0 ? `-NAK ${JSON.stringify({ delay: nanos(delayMs) })}` : '-NAK');
  }

  /** Never comes again. Without a reason: servers before 2.11 do not take a term that has one for a term. */
  term(): void {
    this.#tell('+TERM');
  }

  /** A sign of life: the wait for the acknowledgement begins anew. */
  working(): void {
    this.#tell('+WPI');
  }

  #tell(word: string): void {
    if (!this.#connection.isClosed()) this.#connection.publish(this.#ackSubject, word);
  }
}

/**
 * @returns undefined when the consumer has nothing to give now
 * @throws errors of the client when nothing answers, or the consumer is not there
 */
export async function pullNow(
  connection: NatsConnection,
  stream: string,
  consumer: string,
): Promise<PulledMessage | undefined> {
  const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
  // The message comes under its own subject, so the inbox that all requests share would not know it.
  const options = { timeout: ATTEMPT_TIMEOUT_MS, noMux: true };
  const message = await connection.request(subject, JSON.stringify({ batch: 1, no_wait: true }), options);
  const isStatus = message.headers !== undefined && message.headers.code > 0;
  return isStatus ? undefined : new PulledMessage(connection, message);
}
