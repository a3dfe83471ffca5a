/** A log file of bounded size: when it is full it becomes `.1`, and what was there before is gone. */
import { appendFileSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A week of a busy service's warnings, a day of its infos. */
const MAX_BYTES = 8 * 1024 * 1024;

/** See the head of this file. */
export class LogFile {
  readonly path: string;
  readonly #maxBytes: number;
  #bytes: number;

  constructor(path: string, maxBytes = MAX_BYTES) {
    mkdirSync(dirname(path), { recursive: true });
    this.path = path;
    this.#maxBytes = maxBytes;
    this.#bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Written at once: the last lines before a crash are the ones that matter. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line) + 1;
    if (this.#bytes > 0 && this.#bytes + bytes > this.#maxBytes) {
      renameSync(this.path, `${this.path}.1`);
      this.#bytes = 0;
    }
    appendFileSync(this.path, `${line}\n`);
    this.#bytes += bytes;
  }
}
