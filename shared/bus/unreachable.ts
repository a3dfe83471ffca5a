/** Places that could not be dialled, so that not every reply waits for the same firewall. */
import { formatPlace, type Place } from './direct-address.ts';

/** A failure may have been a moment's: after this time a place is dialled again, ms. */
const REMEMBERED_MS = 60_000;
/** Far more than a mesh has. */
const MAX_PLACES = 256;

/** See the head of this file. */
export class Unreachable {
  readonly #untilUnixMs = new Map<string, number>();

  add(place: Place): void {
    const [oldest] = this.#untilUnixMs.keys();
    if (this.#untilUnixMs.size >= MAX_PLACES) this.#untilUnixMs.delete(oldest!);
    this.#untilUnixMs.set(formatPlace(place), Date.now() + REMEMBERED_MS);
  }

  has(place: Place): boolean {
    return (this.#untilUnixMs.get(formatPlace(place)) ?? 0) > Date.now();
  }
}
