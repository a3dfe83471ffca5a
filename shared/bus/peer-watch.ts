/** Whether the other side of a call is still there. Used by both sides: the caller asks by `query`, the callee by `accepted`. */
import type { Clock, Timer } from './clock.ts';
import { KEEPALIVE_MS, LOST_AFTER, LOST_RETRY_MS } from './protocol.ts';

/** How to ask the other side, and whom to tell that it is gone. */
export interface PeerWatchOptions {
  /** Sends something that the other side answers, or that comes back when nobody is there. */
  readonly ask: () => void;
  /** Called at most once. */
  readonly lost: () => void;
}

/** See the head of this file. */
export class PeerWatch {
  readonly #clock: Clock;
  readonly #options: PeerWatchOptions;
  #timer: Timer | undefined;
  #misses = 0;
  #isStopped = false;

  constructor(clock: Clock, options: PeerWatchOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Any sign of life. Also starts the watch. */
  heard(): void {
    this.#misses = 0;
    this.#arm(KEEPALIVE_MS);
  }

  /** The word that nobody took what was asked. */
  missed(): void {
    this.#misses++;
    if (this.#misses < LOST_AFTER) this.#arm(LOST_RETRY_MS);
    else if (!this.#isStopped) this.#lose();
  }

  askNow(): void {
    if (this.#isStopped) return;
    this.#arm(KEEPALIVE_MS);
    this.#options.ask();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #lose(): void {
    this.stop();
    this.#options.lost();
  }

  #arm(delayMs: number): void {
    this.#timer?.cancel();
    if (!this.#isStopped) this.#timer = this.#clock.after(delayMs, () => this.askNow());
  }
}
