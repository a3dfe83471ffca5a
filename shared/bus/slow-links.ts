/** Notices links on which large replies come slowly, and tells of each once: nobody reads the same warning at every step. */
import type { Transfer } from './bus.ts';

/** Below this a link is slow: two fifths of a 1 Gbit/s network. */
export const SLOW_BYTES_PER_MS = 50_000;
/** What setting up a transfer may take, and a busy machine; no link is slow for that. */
export const SLOW_FROM_MS = 200;
/** Links remembered; beyond it one may be told of again. */
const MAX_TOLD = 1024;

/** A transfer, and who sent it. */
export interface SlowTransfer extends Transfer {
  readonly instance: string;
}

/** See the head of this file. */
export class SlowLinks {
  readonly #tell: (transfer: SlowTransfer) => void;
  readonly #told = new Set<string>();

  constructor(tell: (transfer: SlowTransfer) => void) {
    this.#tell = tell;
  }

  note(instance: string, transfer: Transfer): void {
    const { route, sizeBytes, durationMs } = transfer;
    if (route === 'inline' || durationMs < SLOW_FROM_MS + sizeBytes / SLOW_BYTES_PER_MS) return;
    const link = `${instance} ${route}`;
    if (this.#told.has(link)) return;
    if (this.#told.size >= MAX_TOLD) this.#told.clear();
    this.#told.add(link);
    this.#tell({ ...transfer, instance });
  }
}
