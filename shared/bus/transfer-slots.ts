/** How many transfers a bus takes in at a time. */

/** Transfers that a bus takes in at a time; further ones wait. Together 15 MB, half of where a server starts to stall senders. */
export const MAX_TRANSFERS = 8;

/** Lets MAX_TRANSFERS in, the others in the order of their coming. */
export class TransferSlots {
  #free = MAX_TRANSFERS;
  readonly #waiting = new Set<() => void>();

  /** Runs `start` now or when there is room. Returns the way out, idempotent, which makes room. */
  enter(start: () => void): () => void {
    let isIn = false;
    let isOut = false;
    const run = (): void => {
      isIn = true;
      this.#free--;
      start();
    };
    if (this.#free > 0) run();
    else this.#waiting.add(run);
    return () => {
      if (isOut) return;
      isOut = true;
      this.#waiting.delete(run);
      if (isIn) this.#leave();
    };
  }

  #leave(): void {
    this.#free++;
    const [next] = this.#waiting;
    if (next === undefined) return;
    this.#waiting.delete(next);
    next();
  }
}
