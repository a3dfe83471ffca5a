/** What did not work a moment ago, by name, so that not every reply waits for the same firewall. */

/** A failure may have been a moment's: after this time it is tried again, ms. */
const REMEMBERED_MS = 60_000;
/** Far more than a mesh has. */
const MAX_NAMES = 256;

/** See the head of this file. */
export class RecentFailures {
  readonly #untilUnixMs = new Map<string, number>();

  add(name: string): void {
    const [oldest] = this.#untilUnixMs.keys();
    if (this.#untilUnixMs.size >= MAX_NAMES) this.#untilUnixMs.delete(oldest!);
    this.#untilUnixMs.set(name, Date.now() + REMEMBERED_MS);
  }

  has(name: string): boolean {
    return (this.#untilUnixMs.get(name) ?? 0) > Date.now();
  }
}
