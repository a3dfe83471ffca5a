/** One call, seen from its caller. The protocol and its invariants are at the head of protocol.ts. */
import { MeshError } from '#shared/errors/errors.ts';
import { decode } from '#shared/wire/codec.ts';
import type { Message } from '#shared/wire/message.ts';
import { join, type Segments } from '#shared/wire/segments.ts';
import { takeBytes } from '#shared/wire/spare-buffers.ts';
import type { CallOptions, Transfer } from './bus.ts';
import { actorLost, busUnavailable, type CalleeFacts, deadlineExceeded, noActor } from './call-errors.ts';
import type { Timer } from './clock.ts';
import { parseErrorReply } from './error-reply.ts';
import { PeerWatch } from './peer-watch.ts';
import {
  ACCEPT_TIMEOUT_MS,
  EMPTY,
  HEADER,
  kindOf,
  type Lane,
  type Line,
  laneSubject,
  NO_ACTOR_RETRY_MS,
  ownHeaders,
  RECONNECT_GRACE_MS,
} from './protocol.ts';
import { ReplyFetch } from './reply-fetch.ts';
import { subjects } from './subjects.ts';
import { isTransferLength } from './transfer-receiver.ts';
import { TransferSender } from './transfer-sender.ts';
import type { Delivery } from './transport.ts';

/** The request, as it was encoded, and who hears of its end. */
export interface OutgoingCallOptions extends CallOptions {
  readonly id: string;
  readonly subject: string;
  readonly segments: Segments;
  /** Called once, when the call has settled. */
  readonly onEnd: () => void;
}

/** See the head of this file. */
export class OutgoingCall {
  readonly #line: Line;
  readonly #options: OutgoingCallOptions;
  readonly #settled = Promise.withResolvers<Message>();
  /** Set when the request is too large for one message. */
  readonly #upload: TransferSender | undefined;
  readonly #watch: PeerWatch;
  readonly #deadline: Timer;
  readonly #onAbort = (): void => this.fail(MeshError.fromAbort(this.#options.signal!));
  #stage: 'unsent' | 'sent' | 'accepted' | 'settled' = 'unsent';
  /** Of a request nobody has accepted yet: look for it, or send it again. */
  #timer: Timer | undefined;
  /** The callee's control subject, once it has accepted. */
  #control: string | undefined;
  #calleeName: string | undefined;
  #download: ReplyFetch | undefined;

  constructor(line: Line, options: OutgoingCallOptions) {
    this.#line = line;
    this.#options = options;
    const upload = new TransferSender(line.transport, options.segments);
    if (upload.totalBytes > line.inlineMaxBytes) this.#upload = upload;
    this.#watch = new PeerWatch(line.clock, {
      ask: () => this.#query(),
      lost: () => this.fail(actorLost(this.#facts())),
    });
    const remainingMs = options.deadlineUnixMs - line.clock.now();
    this.#deadline = line.clock.after(remainingMs, () => this.fail(this.#late()));
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** Sends the request and gives its outcome (B1). */
  run(): Promise<Message> {
    try {
      this.#send();
    } catch (thrown) {
      this.fail(MeshError.from(thrown));
    }
    return this.#settled.promise;
  }

  fail(error: MeshError): void {
    this.#settle(() => this.#settled.reject(error));
  }

  /** Anything on the lanes `answer` and `probe`. */
  onMessage(lane: Lane, delivery: Delivery): void {
    if (this.#stage === 'settled') return;
    if (delivery.isNoResponders) this.#onNobody(lane);
    else if (this.#isFromCallee(delivery)) this.#onCallee(delivery);
  }

  onChunk(chunk: Uint8Array): void {
    if (chunk.byteLength > 0) this.#watch.heard();
    this.#download?.onChunk(chunk);
  }

  /** The connection is back; what was on its way may be lost. */
  onConnected(): void {
    if (this.#stage === 'unsent') this.#send();
    else if (this.#stage === 'sent') this.#sendAgain();
    else this.#watch.askNow();
  }

  #send(): void {
    const { transport } = this.#line;
    this.#timer?.cancel();
    if (!transport.isConnected) return; // onConnected goes on from here.
    this.#stage = 'sent';
    const payload = this.#upload ? EMPTY : join(this.#options.segments);
    transport.publish(this.#options.subject, payload, { headers: this.#requestHeaders(), reply: this.#lane('answer') });
    this.#timer = this.#line.clock.after(ACCEPT_TIMEOUT_MS, () => this.#sendAgain());
  }

  #requestHeaders(): Record<string, string> {
    const { id, deadlineUnixMs, headers = {} } = this.#options;
    return {
      ...ownHeaders(headers),
      [HEADER.call]: id,
      [HEADER.instance]: this.#line.instance,
      [HEADER.remainingMs]: `${deadlineUnixMs - this.#line.clock.now()}`,
      ...(this.#upload && { [HEADER.bytes]: `${this.#upload.totalBytes}` }),
    };
  }

  #sendAgain(): void {
    if (this.#options.hasOneCallee) this.#send();
    else this.#lookFor();
  }

  /** Asks everybody for a request that nobody has accepted, then sends it again. */
  #lookFor(): void {
    this.#timer?.cancel();
    this.#query();
    this.#timer = this.#line.clock.after(RECONNECT_GRACE_MS, () => this.#send());
  }

  #query(): void {
    const headers = { [HEADER.kind]: 'query', [HEADER.call]: this.#options.id };
    // Nobody there is an answer only once we know whom we ask.
    const reply = this.#lane(this.#control ? 'probe' : 'answer');
    const to = this.#control ?? subjects.call(this.#options.id);
    this.#line.transport.publish(to, EMPTY, this.#control ? { headers, reply } : { headers });
  }

  #onNobody(lane: Lane): void {
    if (lane === 'probe') this.#watch.missed();
    else if (this.#stage === 'sent') this.#onNoActor();
  }

  #onNoActor(): void {
    const { clock, reconnectedUnixMs } = this.#line;
    if (clock.now() - reconnectedUnixMs >= RECONNECT_GRACE_MS) {
      this.fail(noActor(this.#options.subject));
      return;
    }
    this.#timer?.cancel();
    this.#timer = clock.after(NO_ACTOR_RETRY_MS, () => this.#send());
  }

  /** The first to accept is the callee; any other is let go (B2). */
  #isFromCallee({ reply, headers }: Delivery): boolean {
    // Only the word that a call is unknown comes without a control subject.
    if (reply === undefined) return true;
    if (this.#control === undefined) this.#bind(reply, headers[HEADER.instance]);
    if (reply === this.#control) return true;
    release(this.#line, reply, this.#options.id);
    return false;
  }

  #bind(control: string, calleeName: string | undefined): void {
    this.#control = control;
    this.#calleeName = calleeName;
    this.#stage = 'accepted';
    this.#timer?.cancel();
  }

  #onCallee(delivery: Delivery): void {
    this.#watch.heard();
    const kind = kindOf(delivery);
    if (kind === 'credit') this.#upload?.onCredit(delivery);
    else if (kind === 'reply') this.#onReply(delivery);
    else if (kind === 'error') this.fail(parseErrorReply(delivery.payload, delivery.headers));
    else if (kind === 'unknown') this.fail(actorLost(this.#facts()));
  }

  #onReply({ payload, headers }: Delivery): void {
    const announced = headers[HEADER.bytes];
    if (announced !== undefined) this.#fetch(announced, headers[HEADER.direct]);
    else this.#succeed(copyOf(payload), { route: 'inline', sizeBytes: payload.byteLength, durationMs: 0 });
  }

  #fetch(announced: string, direct: string | undefined): void {
    if (this.#download) return;
    const totalBytes = Number(announced);
    if (!isTransferLength(totalBytes)) {
      this.fail(new MeshError('WIRE_INVALID', `The callee announces a reply of ${announced} bytes.`));
      return;
    }
    this.#download = new ReplyFetch(this.#line, {
      direct,
      totalBytes,
      creditSubject: this.#control!,
      replySubject: this.#lane('probe'),
      chunkSubject: this.#lane('download'),
    });
    this.#download.done.then(
      ({ bytes, transfer }) => this.#succeed(bytes, transfer),
      (error: MeshError) => this.fail(error),
    );
  }

  #succeed(bytes: Uint8Array, transfer: Transfer): void {
    try {
      const reply = decode(bytes);
      this.#options.onReply?.(transfer);
      this.#line.onReply(this.#calleeName ?? '', transfer);
      this.#settle(() => this.#settled.resolve(reply));
    } catch (thrown) {
      this.fail(MeshError.from(thrown));
    }
  }

  #settle(finish: () => void): void {
    if (this.#stage === 'settled') return;
    const wasSent = this.#stage !== 'unsent';
    this.#stage = 'settled';
    this.#timer?.cancel();
    this.#deadline.cancel();
    this.#watch.stop();
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#download?.stop(new MeshError('CANCELLED', 'The call is over.'));
    if (wasSent) release(this.#line, this.#control ?? subjects.call(this.#options.id), this.#options.id);
    this.#options.onEnd();
    finish();
  }

  #lane(lane: Lane): string {
    return laneSubject(this.#line.inbox, lane, this.#options.id);
  }

  #late(): MeshError {
    const wasNeverSent = this.#stage !== 'accepted' && !this.#line.transport.isConnected;
    return wasNeverSent ? busUnavailable(this.#options.subject) : deadlineExceeded(this.#facts());
  }

  #facts(): CalleeFacts {
    return { subject: this.#options.subject, ...(this.#calleeName && { instance: this.#calleeName }) };
  }
}

/** What comes from the client lies in memory that it fills anew. */
function copyOf(payload: Uint8Array): Uint8Array {
  const bytes = takeBytes(payload.byteLength);
  bytes.set(payload);
  return bytes;
}

/** Tells a callee that nobody waits for this call any more. */
export function release(line: Line, control: string, call: string): void {
  line.transport.publish(control, EMPTY, { headers: { [HEADER.kind]: 'release', [HEADER.call]: call } });
}
