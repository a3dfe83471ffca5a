/**
 * One wait for all who ask in the same turn of the event loop. The NATS client writes to its socket as soon as the running
 * callback is over; messages of many callbacks that go on together leave in one write, which costs little more than that of one.
 */

/** See the head of this file. */
export class NextTurn {
  #turn: Promise<void> | undefined;

  /** Resolves once everything that has come in by now was looked at. */
  wait(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        resolve();
      });
    });
    return this.#turn;
  }
}
