/**
 * The jobs of a denoiser that wait for their turn. The first of them prepares while another job runs: two sets of weights
 * are held at most, whatever the length of the line.
 */

/** What can be begun before its turn. Must not throw; idempotent. */
export interface Preparable {
  begin(): void;
}

/** See the head of this file. */
export class WaitingLine {
  readonly #waiting = new Set<Preparable>();

  join(one: Preparable): void {
    this.#waiting.add(one);
    this.#beginFirst();
  }

  /** Its turn has come, or it has given up. Idempotent. */
  leave(one: Preparable): void {
    if (this.#waiting.delete(one)) this.#beginFirst();
  }

  #beginFirst(): void {
    const [first] = this.#waiting;
    first?.begin();
  }
}
