/** Progress of a job on stderr: one line that grows in a terminal, a line per step elsewhere. */
import { styleText } from 'node:util';
import type { JobEvent } from '#shared/contracts/jobs.ts';

/** Where progress goes; `process.stderr` is one. */
export interface ProgressOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\x1b[2K';

/** See the head of this file. */
export class Progress {
  readonly #out: ProgressOutput;
  #hasLine = false;

  constructor(out: ProgressOutput) {
    this.#out = out;
  }

  show(event: JobEvent): void {
    if (event.type === 'queued') this.#say('waiting for its turn');
    if (event.type === 'progress') this.#step(event.step, event.steps, event.eta_ms);
  }

  /** Leaves the line to whatever is printed next. Idempotent. */
  end(): void {
    if (this.#hasLine) this.#out.write(CLEAR_LINE);
    this.#hasLine = false;
  }

  #step(step: number, steps: number, etaMs?: number): void {
    if (!this.#out.isTTY) {
      this.#say(`step ${step}/${steps}`);
      return;
    }
    const full = Math.round((step / steps) * BAR_WIDTH);
    const bar = styleText('cyan', '█'.repeat(full), { stream: process.stderr }) + '░'.repeat(BAR_WIDTH - full);
    const left = etaMs === undefined ? '' : `, ${(etaMs / 1000).toFixed(1)} s left`;
    this.#say(step < steps ? `${bar} ${step}/${steps}${left}` : `${bar} decoding`);
  }

  #say(text: string): void {
    this.#out.write(this.#out.isTTY ? `${CLEAR_LINE}${text}` : `${text}\n`);
    this.#hasLine = this.#out.isTTY === true;
  }
}
