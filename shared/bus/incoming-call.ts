/** One call, seen from its callee. The protocol and its invariants are at the head of protocol.ts. */
import { MeshError } from '#shared/errors/errors.ts';
import { decode, encode } from '#shared/wire/codec.ts';
import { join, type Segments } from '#shared/wire/segments.ts';
import type { CallContext, Handler } from './bus.ts';
import type { Timer } from './clock.ts';
import type { DirectOffer } from './direct-path.ts';
import type { EndpointCounter } from './endpoint-stats.ts';
import { type ErrorReply, errorReply } from './error-reply.ts';
import { PeerWatch } from './peer-watch.ts';
import { DIRECT_FROM_BYTES, EMPTY, HEADER, type Kind, kindOf, type Line, laneSubject } from './protocol.ts';
import type { CallRequest } from './request.ts';
import { MAX_TRANSFER_BYTES, TransferReceiver } from './transfer-receiver.ts';
import { TransferSender } from './transfer-sender.ts';
import type { Delivery } from './transport.ts';

/** The request, who handles it, and who hears of its end. */
export interface IncomingCallOptions {
  readonly request: CallRequest;
  readonly handler: Handler;
  readonly counter: EndpointCounter;
  /** Called once, when nobody waits for the call and its handler has returned. */
  readonly onEnd: () => void;
}

interface Fetched {
  readonly kind: 'fetched';
  readonly sender: TransferSender;
  readonly direct: DirectOffer | undefined;
}

/** What the caller gets: bytes in a message, bytes to fetch, or an error. */
type Answer =
  | { readonly kind: 'inline'; readonly payload: Uint8Array }
  | Fetched
  | { readonly kind: 'error'; readonly error: ErrorReply };

/** See the head of this file. */
export class IncomingCall {
  readonly #line: Line;
  readonly #options: IncomingCallOptions;
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  readonly #watch: PeerWatch;
  readonly #deadline: Timer;
  #upload: TransferReceiver | undefined;
  #answer: Answer | undefined;
  #isReleased = false;
  #isHandled = false;

  constructor(line: Line, options: IncomingCallOptions) {
    this.#line = line;
    this.#options = options;
    this.#watch = new PeerWatch(line.clock, {
      ask: () => this.announce(),
      lost: () => this.onCallerGone(),
    });
    const remainingMs = options.request.deadlineUnixMs - line.clock.now();
    this.#deadline = line.clock.after(remainingMs, () => this.#release(late()));
  }

  /** Resolves when nobody waits for the call any more and its handler has returned. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Name of the process that waits for it, where it said so. */
  get caller(): string | undefined {
    return this.#options.request.caller;
  }

  start(): void {
    this.#watch.heard();
    this.announce();
    void this.#run();
  }

  /** Says where the call stands: accepted, or its reply. */
  announce(): void {
    const answer = this.#answer;
    if (!answer) this.#say('accepted', EMPTY, {});
    else if (answer.kind === 'inline') this.#say('reply', answer.payload, {});
    else if (answer.kind === 'fetched') this.#say('reply', EMPTY, whereToFetch(answer));
    else this.#say('error', answer.error.payload, answer.error.headers);
  }

  /** Anything on the lane `control`, and what is said to everybody about this call. */
  onMessage(delivery: Delivery): void {
    if (delivery.isNoResponders) {
      this.#watch.missed();
      return;
    }
    this.#watch.heard();
    const kind = kindOf(delivery);
    if (kind === 'query') this.announce();
    else if (kind === 'release') this.#release(new MeshError('CANCELLED', 'The caller gave up.'));
    else if (kind === 'credit' && this.#answer?.kind === 'fetched') this.#onCredit(this.#answer, delivery);
  }

  onChunk(chunk: Uint8Array): void {
    if (chunk.byteLength > 0) this.#watch.heard();
    this.#upload?.onChunk(chunk);
  }

  /** Nobody waits for it any more: aborts the handler. */
  onCallerGone(): void {
    this.#release(new MeshError('CANCELLED', 'The caller is gone.'));
  }

  /** Answers with the reason, aborts the handler, and does not look back. */
  stop(reason: MeshError): void {
    this.#give({ kind: 'error', error: errorReply(reason) });
    this.#release(reason);
  }

  async #run(): Promise<void> {
    let startedMs = performance.now();
    let failure: MeshError | undefined;
    try {
      const request = decode(await this.#requestBytes());
      startedMs = performance.now();
      const reply = await this.#options.handler(request, this.#context());
      this.#give(this.#toAnswer(encode(reply)));
    } catch (thrown) {
      failure = MeshError.from(thrown);
      this.#give({ kind: 'error', error: errorReply(failure) });
    }
    this.#options.counter.count(performance.now() - startedMs, failure);
    this.#isHandled = true;
    this.#endIfOver();
  }

  #requestBytes(): Promise<Uint8Array> | Uint8Array {
    const { id, payload, totalBytes } = this.#options.request;
    if (totalBytes === undefined) return payload;
    if (totalBytes > MAX_TRANSFER_BYTES) throw tooLarge('request', totalBytes);
    this.#upload = new TransferReceiver(this.#line, {
      totalBytes,
      creditSubject: this.#options.request.replySubject,
      replySubject: this.#control,
      chunkSubject: laneSubject(this.#line.inbox, 'upload', id),
    });
    return this.#upload.done;
  }

  #context(): CallContext {
    const { deadlineUnixMs, headers, subject } = this.#options.request;
    return { deadlineUnixMs, headers, subject, signal: this.#abort.signal };
  }

  #toAnswer(segments: Segments): Answer {
    const sender = new TransferSender(this.#line.transport, segments);
    if (this.#fitsIntoMessage(sender.totalBytes)) return { kind: 'inline', payload: join(segments) };
    if (sender.totalBytes > MAX_TRANSFER_BYTES) throw tooLarge('reply', sender.totalBytes);
    return { kind: 'fetched', sender, direct: this.#line.direct?.offer(segments) };
  }

  #fitsIntoMessage(totalBytes: number): boolean {
    const { inlineMaxBytes, direct } = this.#line;
    if (totalBytes > inlineMaxBytes) return false;
    return totalBytes <= DIRECT_FROM_BYTES || !direct?.isWorthwhile(this.caller);
  }

  #onCredit({ sender, direct }: Fetched, delivery: Delivery): void {
    if (direct) this.#line.direct?.onDeclined(this.caller);
    sender.onCredit(delivery);
  }

  /** The first answer stands; none is given to a caller that has left (B1). */
  #give(answer: Answer): void {
    if (this.#answer || this.#isReleased) return;
    this.#answer = answer;
    this.announce();
  }

  #release(reason: MeshError): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (this.#answer?.kind === 'fetched') this.#answer.direct?.withdraw();
    this.#watch.stop();
    this.#deadline.cancel();
    this.#cancelWork(reason);
    this.#endIfOver();
  }

  #cancelWork(reason: MeshError): void {
    if (this.#isHandled) return;
    this.#upload?.stop(reason);
    this.#abort.abort(reason);
  }

  #endIfOver(): void {
    if (!this.#isHandled || !this.#isReleased) return;
    this.#options.onEnd();
    this.#ended.resolve();
  }

  #say(kind: Kind, payload: Uint8Array, extra: Readonly<Record<string, string>>): void {
    const headers = { ...extra, [HEADER.kind]: kind, [HEADER.instance]: this.#line.instance };
    this.#line.transport.publish(this.#options.request.replySubject, payload, { headers, reply: this.#control });
  }

  get #control(): string {
    return laneSubject(this.#line.inbox, 'control', this.#options.request.id);
  }
}

function whereToFetch({ sender, direct }: Fetched): Record<string, string> {
  return { [HEADER.bytes]: `${sender.totalBytes}`, ...(direct && { [HEADER.direct]: direct.address }) };
}

function late(): MeshError {
  return new MeshError('DEADLINE_EXCEEDED', 'The deadline of the call has passed.');
}

function tooLarge(what: string, totalBytes: number): MeshError {
  return new MeshError('PAYLOAD_TOO_LARGE', `The ${what} is ${totalBytes} bytes; ${MAX_TRANSFER_BYTES} is the limit.`, {
    totalBytes,
    limitBytes: MAX_TRANSFER_BYTES,
  });
}
