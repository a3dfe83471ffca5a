/** When a process that died is started again, and when it is given up. Data and arithmetic only; time comes in. */

/** More crashes than this within the window, and the process is given up. */
const MAX_CRASHES = 5;
const WINDOW_MS = 30_000;
const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;

/** The memory of one process: a crash that follows another within the window continues its row. */
export class RestartPolicy {
  #row: number[] = [];

  /** Wait before the restart, ms: none after a first crash, then doubling; `give-up` when it crashes too often. */
  crashed(nowMs: number): number | 'give-up' {
    if (nowMs - (this.#row.at(-1) ?? nowMs) > WINDOW_MS) this.#row = [];
    this.#row.push(nowMs);
    const recent = this.#row.filter((crashMs) => nowMs - crashMs <= WINDOW_MS);
    if (recent.length > MAX_CRASHES) return 'give-up';
    const before = this.#row.length - 1;
    return before === 0 ? 0 : Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (before - 1));
  }
}
