/** Server-sent events to one client. Slow clients miss what can be missed; what they cannot take at all ends them. */
import type { FastifyReply } from 'fastify';

/** One event: its name, and what is said, as JSON. */
export interface ServerEvent {
  readonly event: string;
  readonly data: object;
  /** What a client that comes back says it has. */
  readonly id?: string;
  /** The client must not miss it. */
  readonly isLasting?: boolean;
}

/** A comment now and then: proxies close what is silent for a minute, and a client that is gone is noticed. */
const KEEP_ALIVE_MS = 15_000;
/** Bytes that may wait for one client before events that can be missed are. */
const SLOW_BYTES = 256 * 1024;
/** Browsers come back after this time, ms. */
const RETRY_MS = 1000;

/** See the head of this file. Closes with its client. */
export interface EventStream {
  send(event: ServerEvent): void;
  /** Closes it after what was sent. */
  end(): void;
}

/** The streams of a server: what ends when it closes, since their clients would stay for ever. */
export class EventStreams {
  readonly #open = new Set<EventStream>();
  /** An object is told to many clients and said once. */
  readonly #texts = new WeakMap<object, string>();

  /** Takes the reply over: nothing else answers it. `onClose` is called once, whoever ends it. */
  open(reply: FastifyReply, onClose: () => void): EventStream {
    const stream: EventStream = new HijackedStream(
      reply,
      (data) => this.#textOf(data),
      () => {
        this.#open.delete(stream);
        onClose();
      },
    );
    this.#open.add(stream);
    return stream;
  }

  /** Clients come back, to another gateway. */
  endAll(): void {
    for (const stream of this.#open) stream.end();
  }

  #textOf(data: object): string {
    const text = this.#texts.get(data) ?? JSON.stringify(data);
    this.#texts.set(data, text);
    return text;
  }
}

class HijackedStream implements EventStream {
  readonly #raw: FastifyReply['raw'];
  readonly #keepAlive: NodeJS.Timeout;
  readonly #textOf: (data: object) => string;

  constructor(reply: FastifyReply, textOf: (data: object) => string, onClose: () => void) {
    this.#textOf = textOf;
    reply.hijack();
    this.#raw = reply.raw;
    this.#raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Tells nginx not to collect them.
      'x-accel-buffering': 'no',
    });
    this.#raw.write(`retry: ${RETRY_MS}\n\n`);
    this.#keepAlive = setInterval(() => this.#raw.write(':\n\n'), KEEP_ALIVE_MS);
    this.#raw.once('close', () => {
      clearInterval(this.#keepAlive);
      onClose();
    });
    this.#raw.on('error', () => this.#raw.destroy());
  }

  send({ event, data, id, isLasting = false }: ServerEvent): void {
    if (this.#raw.writableEnded || this.#raw.destroyed) return;
    if (!isLasting && this.#raw.writableLength > SLOW_BYTES) return;
    const head = id === undefined ? '' : `id: ${id}\n`;
    this.#raw.write(`${head}event: ${event}\ndata: ${this.#textOf(data)}\n\n`);
  }

  end(): void {
    this.#raw.end();
  }
}
