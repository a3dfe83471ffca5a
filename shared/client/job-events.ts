/** Events between those who tell and the one who reads, in order, without what was told before. */
import type { JobEvent } from '#shared/contracts/jobs.ts';

/** `queued` and `started` are told once, and not after what follows them. */
const ORDER: readonly JobEvent['type'][] = ['queued', 'started', 'progress'];

/** See the head of this file. One reader. */
export class JobEvents implements AsyncIterable<JobEvent> {
  readonly #events: JobEvent[] = [];
  #furthest = -1;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(event: JobEvent): void {
    const place = ORDER.indexOf(event.type);
    const isOld = place >= 0 && event.type !== 'progress' && place <= this.#furthest;
    if (isOld) return;
    this.#furthest = Math.max(this.#furthest, place);
    this.#events.push(event);
    this.#wake?.();
  }

  /** The reader gets it after what was told so far. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<JobEvent> {
    for (;;) {
      const event = this.#events.shift();
      if (event) yield event;
      else if (this.#failure) throw this.#failure.error;
      else await this.#next();
    }
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
