/** The ids of the latest calls that are over, so that an echo of one is not taken for a new call. Bounded. */
export class RecentIds {
  readonly #limit: number;
  /** In the order of their coming. */
  readonly #ids = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= this.#limit) return;
    const [oldest] = this.#ids;
    this.#ids.delete(oldest!);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }
}
