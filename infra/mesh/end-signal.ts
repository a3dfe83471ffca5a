/** The wish to end: Ctrl-C, a signal, or the program that started us is gone. */

/**
 * `asked` resolves with the first wish. The second one, or one before there is anything to end in order, calls `insist`.
 */
export class EndSignal {
  readonly asked: Promise<void>;
  /** Set it when there is something to end in order. */
  isOrderly = false;

  constructor(insist: () => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.asked = promise;
    let wishes = 0;
    const wish = (): void => {
      wishes += 1;
      if (wishes > 1 || !this.isOrderly) insist();
      resolve();
    };
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, wish);
    process.once('disconnect', wish);
  }
}
