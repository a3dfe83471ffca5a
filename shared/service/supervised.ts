/** What a service tells the process that started it, over the IPC channel when there is one. */
import type { WireError } from '#shared/errors/errors.ts';

/** Sent once: everything is loaded, requests are served. */
export interface ReadyReport {
  readonly type: 'ready';
  readonly role: string;
  readonly instance: string;
  /** Where a gateway listens for HTTP. */
  readonly http?: string;
}

/** Sent instead of ready: starting again would not help. */
export interface FatalReport {
  readonly type: 'fatal';
  readonly code: WireError['code'];
  readonly message: string;
}

/** Tells the parent; without one, nobody. Resolves when the message has left, so that exiting does not lose it. */
export function report(content: ReadyReport | FatalReport): Promise<void> {
  const { send } = process;
  if (!send) return Promise.resolve();
  return new Promise((resolve) => send.call(process, content, () => resolve()));
}
