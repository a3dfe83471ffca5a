/** Someone who speaks the bus's protocol by hand, to say what a bus never would. */
import type { Headers } from '#shared/bus/bus.ts';
import { HEADER } from '#shared/bus/protocol.ts';
import type { Transport } from '#shared/bus/transport.ts';
import { encode } from '#shared/wire/codec.ts';
import { message } from '#shared/wire/message.ts';
import { join } from '#shared/wire/segments.ts';

/** A message as the stranger got it; `kind` is `request` for a request, `nobody` for the word that nobody is there. */
export interface Heard {
  readonly kind: string;
  readonly headers: Headers;
  readonly reply: string | undefined;
  readonly payload: Uint8Array;
}

export class Stranger {
  readonly transport: Transport;
  readonly inbox: string;
  readonly #heard: Heard[] = [];
  readonly #waiting: (() => void)[] = [];

  constructor(transport: Transport) {
    this.transport = transport;
    this.inbox = transport.newInbox();
    this.listen(`${this.inbox}.>`);
  }

  listen(subject: string): void {
    this.transport.subscribe(subject, ({ headers, reply, payload, isNoResponders }) => {
      const kind = isNoResponders ? 'nobody' : (headers[HEADER.kind] ?? 'request');
      this.#heard.push({ kind, headers, reply, payload: new Uint8Array(payload) });
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /** The next message of a kind, past or to come; each is given once. */
  async hear(kind: string): Promise<Heard> {
    for (;;) {
      const at = this.#heard.findIndex((one) => one.kind === kind);
      if (at >= 0) return this.#heard.splice(at, 1)[0]!;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** How many of a kind have come by now and were not taken. */
  async count(kind: string): Promise<number> {
    await this.transport.flush();
    return this.#heard.filter((one) => one.kind === kind).length;
  }

  say(to: string, headers: Headers, options: { payload?: Uint8Array; reply?: string } = {}): void {
    const { payload = new Uint8Array(0), reply } = options;
    this.transport.publish(to, payload, { headers, reply });
  }

  /** A request like that of a bus, with `body` as its message. */
  request(subject: string, id: string, remainingMs: number, headers: Headers = {}): void {
    const own = { [HEADER.call]: id, [HEADER.remainingMs]: `${remainingMs}`, ...headers };
    this.say(subject, own, { payload: bytesOf(null), reply: `${this.inbox}.answer.${id}` });
  }
}

export function bytesOf(body: unknown): Uint8Array {
  return join(encode(message(body)));
}
