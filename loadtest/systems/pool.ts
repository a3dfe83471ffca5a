/** Equal things that are lent out one by one; whoever comes when all are out waits in line. */

/** See the head of this file. */
export class Pool<T> {
  readonly #free: T[];
  readonly #line: ((thing: T) => void)[] = [];

  constructor(things: readonly T[]) {
    this.#free = [...things];
  }

  async use<R>(work: (thing: T) => Promise<R>): Promise<R> {
    const thing = this.#free.shift() ?? (await new Promise<T>((resolve) => this.#line.push(resolve)));
    try {
      return await work(thing);
    } finally {
      const next = this.#line.shift();
      if (next) next(thing);
      else this.#free.push(thing);
    }
  }
}
