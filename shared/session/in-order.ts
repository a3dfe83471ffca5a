/** Work that begins at once, with a part of it that waits for those who came before. */

/** See the head of this file. */
export class InOrder {
  #last: Promise<unknown> = Promise.resolve();

  /** `isNext` resolves when the work of everyone before has ended, well or not. */
  run<T>(work: (isNext: Promise<unknown>) => Promise<T>): Promise<T> {
    const working = work(this.#last);
    this.#last = Promise.allSettled([this.#last, working]);
    return working;
  }
}
