/** A bell that rings for everyone who waits for work. It says nothing but "look", and may be missed: whoever waits looks anyway, later. */
import type { NatsConnection } from '@nats-io/transport-node';
import type { Clock } from './clock.ts';

/** See the head of this file. */
export class Bell {
  readonly #clock: Clock;
  readonly #unsubscribe: () => void;
  #hasRung = false;
  #wake: () => void = () => {};

  constructor(connection: NatsConnection, subject: string, clock: Clock) {
    this.#clock = clock;
    const subscription = connection.subscribe(subject, { callback: () => this.ring() });
    this.#unsubscribe = () => {
      if (!connection.isClosed()) subscription.unsubscribe();
    };
  }

  /** Rings for this listener alone. */
  ring(): void {
    this.#hasRung = true;
    this.#wake();
  }

  /** Forgets that it rang: whoever looks from now on sees what it rang for. @returns whether it had */
  hush(): boolean {
    const hasRung = this.#hasRung;
    this.#hasRung = false;
    return hasRung;
  }

  /** Resolves when it has rung since `hush`, or after a while. One waits at a time. */
  async wait(longestMs: number): Promise<void> {
    if (this.#hasRung) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = this.#clock.after(longestMs, resolve);
    await promise;
    timer.cancel();
  }

  /** Rings no more, and lets whoever waits go. */
  close(): void {
    this.#unsubscribe();
    this.ring();
  }
}
