/** The calls that one bus serves, and the lanes their callers speak by. */
import type { MeshError } from '#shared/errors/errors.ts';
import type { Handler, Subscription } from './bus.ts';
import { EndpointCounter, type EndpointStats } from './endpoint-stats.ts';
import { errorReply } from './error-reply.ts';
import { IncomingCall } from './incoming-call.ts';
import { EMPTY, HEADER, type Lane, type Line } from './protocol.ts';
import { RecentIds } from './recent-ids.ts';
import { isReplySubject } from './reply-subject.ts';
import { type CallRequest, parseRequest } from './request.ts';
import { subjects } from './subjects.ts';
import type { Delivery, TransportSubscription } from './transport.ts';

/** Far more calls than can have an echo on its way. */
const REMEMBERED_CALLS = 4096;

interface Endpoint {
  readonly handler: Handler;
  readonly counter: EndpointCounter;
  readonly calls: Set<IncomingCall>;
}

/** See the head of this file. */
export class Callee {
  readonly #line: Line;
  readonly #endpoints = new Set<Endpoint>();
  readonly #subscriptions: Subscription[] = [];
  readonly #calls = new Map<string, IncomingCall>();
  /** Calls that ended here, and calls released before they came. */
  readonly #over = new RecentIds(REMEMBERED_CALLS);
  #lookout: TransportSubscription | undefined;

  constructor(line: Line) {
    this.#line = line;
  }

  serve(subject: string, handler: Handler, options: { readonly queue?: string }): Subscription {
    this.#lookout ??= this.#line.transport.subscribe(subjects.calls, (delivery) => this.#onLookedFor(delivery));
    const counter = new EndpointCounter(subject, options.queue);
    const endpoint: Endpoint = { handler, counter, calls: new Set() };
    this.#endpoints.add(endpoint);
    const intake = this.#line.transport.subscribe(subject, (delivery) => this.#onRequest(endpoint, delivery), options);
    const subscription = { drain: () => this.#drainEndpoint(endpoint, intake) };
    this.#subscriptions.push(subscription);
    return subscription;
  }

  endpoints(): readonly EndpointStats[] {
    return [...this.#endpoints].map(({ counter }) => counter.read());
  }

  /** `control` and `upload`. */
  onDelivery(lane: Lane, id: string, delivery: Delivery): void {
    const call = this.#calls.get(id);
    if (!call) this.#onUnknown(id, delivery);
    else if (lane === 'upload') call.onChunk(delivery.payload);
    else call.onMessage(delivery);
  }

  onConnected(): void {
    for (const call of this.#calls.values()) call.announce();
  }

  onCallerGone(caller: string): void {
    for (const call of this.#calls.values()) if (call.caller === caller) call.onCallerGone();
  }

  async drain(): Promise<void> {
    await Promise.all(this.#subscriptions.map((one) => one.drain()));
  }

  /** Answers every call with the reason and aborts its handler. */
  stop(reason: MeshError): void {
    for (const call of this.#calls.values()) call.stop(reason);
  }

  async #drainEndpoint(endpoint: Endpoint, intake: TransportSubscription): Promise<void> {
    await intake.drain();
    await Promise.all([...endpoint.calls].map((call) => call.ended));
    this.#endpoints.delete(endpoint);
  }

  #onRequest(endpoint: Endpoint, delivery: Delivery): void {
    try {
      this.#accept(endpoint, parseRequest(delivery, this.#line.clock.now()));
    } catch (thrown) {
      if (delivery.reply === undefined || !isReplySubject(delivery.reply)) return;
      const { payload, headers } = errorReply(thrown);
      this.#line.transport.publish(delivery.reply, payload, { headers });
    }
  }

  /** A known call is told where it stands, whatever its stage: a request that comes twice runs once (B2). */
  #accept(endpoint: Endpoint, request: CallRequest): void {
    const known = this.#calls.get(request.id);
    if (known) known.announce();
    else if (this.#over.has(request.id)) this.#sayUnknown(request.replySubject);
    else this.#start(endpoint, request);
  }

  #start(endpoint: Endpoint, request: CallRequest): void {
    const { handler, counter } = endpoint;
    const call: IncomingCall = new IncomingCall(this.#line, {
      request,
      handler,
      counter,
      onEnd: () => {
        this.#over.add(request.id);
        this.#calls.delete(request.id);
        endpoint.calls.delete(call);
      },
    });
    endpoint.calls.add(call);
    this.#calls.set(request.id, call);
    call.start();
  }

  /** Only who has the call answers; a release may run ahead of its request. */
  #onLookedFor(delivery: Delivery): void {
    const id = delivery.headers[HEADER.call] ?? '';
    const call = this.#calls.get(id);
    if (call) call.onMessage(delivery);
    else if (delivery.headers[HEADER.kind] === 'release') this.#over.add(id);
  }

  #onUnknown(id: string, delivery: Delivery): void {
    const kind = delivery.headers[HEADER.kind];
    if (kind === 'release') this.#over.add(id);
    else if (kind === 'query' && delivery.reply !== undefined && isReplySubject(delivery.reply))
      this.#sayUnknown(delivery.reply);
  }

  #sayUnknown(to: string): void {
    this.#line.transport.publish(to, EMPTY, { headers: { [HEADER.kind]: 'unknown' } });
  }
}
