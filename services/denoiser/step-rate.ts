/** How fast a job goes: time of its latest steps. */

/** Steps that count: a LoRA that enters, or a neighbour on the device, changes the rate. */
const LATEST = 8;

/** See the head of this file. */
export class StepRate {
  readonly #endsUnixMs: number[] = [];

  /** A step has ended. @returns the time that `left` steps will take at this rate, ms; undefined after the first */
  tick(nowUnixMs: number, left: number): number | undefined {
    this.#endsUnixMs.push(nowUnixMs);
    if (this.#endsUnixMs.length > LATEST + 1) this.#endsUnixMs.shift();
    const steps = this.#endsUnixMs.length - 1;
    if (steps === 0) return undefined;
    return Math.round(((nowUnixMs - this.#endsUnixMs[0]!) / steps) * left);
  }
}
