/**
 * The actor kernel: state, a bounded mailbox, one turn at a time.
 *
 * Owns      the state, the waiting messages, the running turn.
 * Talks to  nobody: it is handed requests through the entries that `on` makes, and never sees the bus, a clock or a file.
 *
 * Invariants
 *   A1  At most one turn runs. The kernel awaits it; the state changes only by the value it returns, before its reply is out.
 *   A2  At most `mailboxSize` messages wait. One more is refused with MAILBOX_FULL and leaves no trace.
 *   A3  Every accepted message settles exactly once: a reply, an error, CANCELLED or DRAINING.
 *   A4  After `drain` nothing is accepted (DRAINING); what was accepted runs to its end; then `drain` resolves.
 *   A5  A message whose signal aborts while it waits leaves the mailbox at once and never runs.
 *   A6  A turn that throws settles its message with the error and leaves the state as it was.
 *   A7  `stop` aborts the running turn's signal and settles the waiting messages with DRAINING.
 *   A8  A turn runs in the asynchronous context its message was offered in, so its spans are part of its own trace.
 *
 * Not in the design: priorities, timers, children. A deadline is an abort of the message's signal, made by the bus.
 */
import { AsyncResource } from 'node:async_hooks';
import { MeshError } from '#shared/errors/errors.ts';

/** What a turn returns: the state from now on, and the reply. */
export interface TurnResult<State, Reply> {
  readonly state: State;
  readonly reply: Reply;
}

/** One kind of turn. It must stop early when the signal aborts, where it can. */
export type Behaviour<State, Request, Reply> = (
  state: State,
  request: Request,
  signal: AbortSignal,
) => Promise<TurnResult<State, Reply>>;

/** An entry to the mailbox for one kind of turn. Rejects with MAILBOX_FULL, DRAINING, CANCELLED or the turn's own error. */
export type Offer<Request, Reply> = (request: Request, signal: AbortSignal) => Promise<Reply>;

/** What a turn that succeeded leaves to the kernel: first the state, then the reply, so that whoever hears it sees the state. */
interface Outcome<State> {
  readonly state: State;
  readonly settle: () => void;
}

/** A message in the mailbox: a turn bound to its request. Settling it is the kernel's business alone. */
interface Envelope<State> {
  readonly turn: (state: State, signal: AbortSignal) => Promise<Outcome<State>>;
  readonly reject: (error: MeshError) => void;
  /** The turn's own signal: what a turn leaves listening on it goes with it, however long caller and actor live. */
  readonly abort: AbortController;
  readonly forget: () => void;
}

/** Small on purpose: work that waits here could run elsewhere. */
const DEFAULT_MAILBOX_SIZE = 16;

/** See the head of this file. */
export class Actor<State> {
  #state: State;
  readonly #mailboxSize: number;
  readonly #waiting: Envelope<State>[] = [];
  #running: Envelope<State> | undefined;
  #isDraining = false;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(initial: State, options: { readonly mailboxSize?: number } = {}) {
    this.#state = initial;
    this.#mailboxSize = options.mailboxSize ?? DEFAULT_MAILBOX_SIZE;
  }

  /** The present state; between turns it does not change. */
  get state(): State {
    return this.#state;
  }

  /** Messages waiting and running. */
  get load(): number {
    return this.#waiting.length + (this.#running ? 1 : 0);
  }

  /** Messages that may wait and run before MAILBOX_FULL. */
  get capacity(): number {
    return this.#mailboxSize + 1;
  }

  /** Makes the entry for one kind of turn. */
  on<Request, Reply>(behaviour: Behaviour<State, Request, Reply>): Offer<Request, Reply> {
    return (request, signal) =>
      new Promise<Reply>((resolve, reject) => {
        const refusal = this.#refusal(signal);
        if (refusal) return reject(refusal);
        const turn = async (state: State, turnSignal: AbortSignal): Promise<Outcome<State>> => {
          const result = await behaviour(state, request, turnSignal);
          return { state: result.state, settle: () => resolve(result.reply) };
        };
        this.#accept(signal, reject, AsyncResource.bind(turn));
      });
  }

  /** Takes nothing new, finishes what is in. Idempotent. */
  drain(): Promise<void> {
    this.#isDraining = true;
    if (this.load === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }

  /** Aborts the running turn, refuses the waiting ones. Idempotent. */
  stop(): Promise<void> {
    this.#isDraining = true;
    this.#running?.abort.abort(new MeshError('DRAINING', 'The actor was stopped.'));
    for (const envelope of this.#waiting.splice(0)) {
      envelope.forget();
      envelope.reject(new MeshError('DRAINING', 'The actor was stopped before the turn began.'));
    }
    return this.drain();
  }

  #refusal(signal: AbortSignal): MeshError | undefined {
    if (signal.aborted) return MeshError.fromAbort(signal);
    if (this.#isDraining) return new MeshError('DRAINING', 'The actor drains and takes nothing new.');
    if (this.#running && this.#waiting.length >= this.#mailboxSize) {
      return new MeshError('MAILBOX_FULL', `${this.#mailboxSize} messages wait already.`, { size: this.#mailboxSize });
    }
    return undefined;
  }

  #accept(signal: AbortSignal, reject: (error: MeshError) => void, turn: Envelope<State>['turn']): void {
    const onAbort = (): void => this.#onAbort(envelope, MeshError.fromAbort(signal));
    const envelope: Envelope<State> = {
      turn,
      reject,
      abort: new AbortController(),
      forget: () => signal.removeEventListener('abort', onAbort),
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.push(envelope);
    if (!this.#running) this.#next();
  }

  #onAbort(envelope: Envelope<State>, reason: MeshError): void {
    const place = this.#waiting.indexOf(envelope);
    if (place < 0) {
      envelope.abort.abort(reason);
      return;
    }
    this.#waiting.splice(place, 1);
    envelope.reject(reason);
  }

  /** Whoever hears the outcome finds the state changed and the place free, so the kernel goes on first. */
  async #run({ turn, abort, reject, forget }: Envelope<State>): Promise<void> {
    let settle: () => void;
    try {
      const outcome = await turn(this.#state, abort.signal);
      this.#state = outcome.state;
      settle = outcome.settle;
    } catch (error) {
      settle = () => reject(MeshError.from(error));
    }
    forget();
    this.#next(settle);
  }

  #next(settleLast: () => void = () => {}): void {
    const next = this.#waiting.shift();
    this.#running = next;
    settleLast();
    if (next)
      void this.#run(next); // never rejects: every turn's error goes to its message
    else this.#idle?.resolve();
  }
}
