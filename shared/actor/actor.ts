/**
 * The actor kernel: state, a bounded mailbox, one turn at a time.
 *
 * Owns      the state, the waiting messages, the running turn.
 * Talks to  nobody: it is handed requests through the entries that `on` makes, and never sees the bus, a clock or a file.
 *
 * Invariants
 *   A1  At most one turn runs. The kernel awaits it; the state changes only by the value it returns.
 *   A2  At most `mailboxSize` messages wait. One more is refused with MAILBOX_FULL and leaves no trace.
 *   A3  Every accepted message settles exactly once: a reply, an error, CANCELLED or DRAINING.
 *   A4  After `drain` nothing is accepted (DRAINING); what was accepted runs to its end; then `drain` resolves.
 *   A5  A message whose signal aborts while it waits leaves the mailbox at once and never runs.
 *   A6  A turn that throws settles its message with the error and leaves the state as it was.
 *   A7  `stop` aborts the running turn's signal and settles the waiting messages with DRAINING.
 *
 * Not in the design: priorities, timers, children. A deadline is an abort of the message's signal, made by the bus.
 */
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

/** A message in the mailbox: a turn bound to its request. Settling it is the kernel's business alone. */
interface Envelope<State> {
  readonly turn: (state: State, signal: AbortSignal) => Promise<State>;
  readonly reject: (error: MeshError) => void;
  readonly signal: AbortSignal;
  readonly forget: () => void;
}

/** Small on purpose: work that waits here could run elsewhere. */
const DEFAULT_MAILBOX_SIZE = 16;

/** See the head of this file. */
export class Actor<State> {
  #state: State;
  readonly #mailboxSize: number;
  readonly #waiting: Envelope<State>[] = [];
  readonly #stopping = new AbortController();
  #isRunning = false;
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
    return this.#waiting.length + (this.#isRunning ? 1 : 0);
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
        this.#accept(signal, reject, async (state, turnSignal) => {
          const result = await behaviour(state, request, turnSignal);
          resolve(result.reply);
          return result.state;
        });
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
    this.#stopping.abort(new MeshError('DRAINING', 'The actor was stopped.'));
    for (const envelope of this.#waiting.splice(0)) {
      envelope.forget();
      envelope.reject(new MeshError('DRAINING', 'The actor was stopped before the turn began.'));
    }
    return this.drain();
  }

  #refusal(signal: AbortSignal): MeshError | undefined {
    if (signal.aborted) return MeshError.from(signal.reason);
    if (this.#isDraining) return new MeshError('DRAINING', 'The actor drains and takes nothing new.');
    if (this.#isRunning && this.#waiting.length >= this.#mailboxSize) {
      return new MeshError('MAILBOX_FULL', `${this.#mailboxSize} messages wait already.`, { size: this.#mailboxSize });
    }
    return undefined;
  }

  #accept(signal: AbortSignal, reject: (error: MeshError) => void, turn: Envelope<State>['turn']): void {
    const leave = (): void => {
      const place = this.#waiting.indexOf(envelope);
      if (place < 0) return;
      this.#waiting.splice(place, 1);
      reject(MeshError.from(signal.reason));
      this.#settleIdle();
    };
    const envelope: Envelope<State> = {
      turn,
      reject,
      signal,
      forget: () => signal.removeEventListener('abort', leave),
    };
    signal.addEventListener('abort', leave, { once: true });
    this.#waiting.push(envelope);
    if (!this.#isRunning) void this.#run(); // never rejects: every turn's error goes to its message
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      next.forget();
      try {
        this.#state = await next.turn(this.#state, AbortSignal.any([next.signal, this.#stopping.signal]));
      } catch (error) {
        next.reject(MeshError.from(error));
      }
    }
    this.#isRunning = false;
    this.#settleIdle();
  }

  #settleIdle(): void {
    if (this.load === 0) this.#idle?.resolve();
  }
}
