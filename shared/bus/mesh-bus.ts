/**
 * The bus over a transport: calls both ways, and plain publishing.
 *
 * Owns      one inbox, its lanes, and the transport: closing the bus closes the connection.
 * Talks to  the transport; other buses, in the protocol told and drawn at the head of protocol.ts, invariants B1…B7.
 *
 * Does not retry, trace or place: those wrap `call` from outside.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { decode, encode } from '#shared/wire/codec.ts';
import type { Message } from '#shared/wire/message.ts';
import { join } from '#shared/wire/segments.ts';
import type { Bus, Call, Handler, Headers, Subscription } from './bus.ts';
import { Callee } from './callee.ts';
import { Caller } from './caller.ts';
import { type Clock, systemClock } from './clock.ts';
import type { DirectPath } from './direct-path.ts';
import type { EndpointStats } from './endpoint-stats.ts';
import { INLINE_MAX_BYTES, type Lane, type Line, parseLane } from './protocol.ts';
import { SlowLinks, type SlowTransfer } from './slow-links.ts';
import { TransferSlots } from './transfer-slots.ts';
import type { Delivery, Transport } from './transport.ts';

/** Who this bus is to the others. */
export interface MeshBusOptions {
  /** Name of this process in errors on the other side. */
  readonly instance: string;
  readonly clock?: Clock;
  /** The way for large replies past the server; the bus closes it. Without one they are neither offered nor taken directly. */
  readonly direct?: DirectPath;
  /** Hears once of each link on which large replies come slowly. */
  readonly onSlowLink?: (transfer: SlowTransfer) => void;
}

const CALLER_LANES: ReadonlySet<string> = new Set<Lane>(['answer', 'probe', 'download']);

/** See the head of this file. */
export class MeshBus implements Bus {
  readonly call: Call = (subject, request, options) => this.#caller.call(subject, request, options);
  readonly #transport: Transport;
  readonly #line: Line;
  readonly #caller: Caller;
  readonly #callee: Callee;
  readonly #subscriptions: Subscription[] = [];
  readonly #unlisten: () => void;
  #reconnectedUnixMs = Number.NEGATIVE_INFINITY;
  #closing: Promise<void> | undefined;

  constructor(transport: Transport, options: MeshBusOptions) {
    this.#transport = transport;
    this.#line = this.#newLine(options);
    this.#caller = new Caller(this.#line);
    this.#callee = new Callee(this.#line);
    transport.subscribe(`${this.#line.inbox}.>`, (delivery) => this.#onInbox(delivery));
    this.#unlisten = transport.onStatus(({ type }) => {
      if (type === 'connected') this.#onConnected();
    });
  }

  serve(subject: string, handler: Handler, options: { readonly queue?: string } = {}): Subscription {
    return this.#callee.serve(subject, handler, options);
  }

  /** What has been served, for `$SRV` answers and metrics. */
  endpoints(): readonly EndpointStats[] {
    return this.#callee.endpoints();
  }

  /** Aborts what a process waits for that is known to be dead: otherwise only its silence would show it (B5). */
  onCallerGone(instance: string): void {
    this.#callee.onCallerGone(instance);
  }

  publish(subject: string, content: Message, headers: Headers = {}): void {
    this.#transport.publish(subject, join(encode(content)), { headers });
  }

  subscribe(subject: string, handler: (content: Message, subject: string, headers: Headers) => void): Subscription {
    const subscription = this.#transport.subscribe(subject, (delivery) => {
      const content = decodeIfOurs(delivery);
      if (content) handler(content, delivery.subject, delivery.headers);
    });
    this.#subscriptions.push(subscription);
    return subscription;
  }

  flush(): Promise<void> {
    return this.#transport.flush();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  stop(): Promise<void> {
    this.#callee.stop(new MeshError('DRAINING', `${this.#line.instance} is being stopped.`));
    this.#closing = this.#shut();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await Promise.all([this.#callee.drain(), ...this.#subscriptions.map((one) => one.drain())]);
    await this.#shut();
  }

  async #shut(): Promise<void> {
    this.#caller.close(new MeshError('BUS_UNAVAILABLE', 'The bus is closed.'));
    // Without a connection there is nothing left to flush.
    if (this.#transport.isConnected) await this.#transport.flush().catch(() => {});
    this.#unlisten();
    await this.#line.direct?.close();
    await this.#transport.close();
  }

  #onInbox(delivery: Delivery): void {
    const { lane, call } = parseLane(delivery.subject);
    const side = CALLER_LANES.has(lane) ? this.#caller : this.#callee;
    side.onDelivery(lane as Lane, call, delivery);
  }

  #onConnected(): void {
    this.#reconnectedUnixMs = this.#line.clock.now();
    this.#callee.onConnected();
    this.#caller.onConnected();
  }

  #newLine({ instance, clock = systemClock, direct, onSlowLink = () => {} }: MeshBusOptions): Line {
    const transport = this.#transport;
    const reconnectedUnixMs = (): number => this.#reconnectedUnixMs;
    const slowLinks = new SlowLinks(onSlowLink);
    return {
      transport,
      clock,
      instance,
      inbox: transport.newInbox(),
      slots: new TransferSlots(),
      direct,
      onReply: (callee, transfer) => slowLinks.note(callee, transfer),
      inlineMaxBytes: Math.min(INLINE_MAX_BYTES, Math.floor(transport.maxPayloadBytes / 2)),
      get reconnectedUnixMs() {
        return reconnectedUnixMs();
      },
    };
  }
}

/** Undefined for what is no message of this mesh: on a subject with wildcards anyone may publish. */
function decodeIfOurs({ payload }: Delivery): Message | undefined {
  try {
    return decode(new Uint8Array(payload));
  } catch {
    return undefined;
  }
}
