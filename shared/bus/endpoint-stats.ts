/** What an endpoint has done since it was served: the numbers of a `$SRV.STATS` answer. */
import type { MeshError } from '#shared/errors/errors.ts';

/** The numbers of one endpoint so far. */
export interface EndpointStats {
  readonly name: string;
  readonly subject: string;
  readonly queueGroup: string | undefined;
  readonly requests: number;
  readonly errors: number;
  /** `CODE: message` of the latest. */
  readonly lastError: string | undefined;
  /** Time in the handler, all requests together, ms. */
  readonly processingMs: number;
}

/** Counts what one endpoint does. */
export class EndpointCounter {
  readonly #subject: string;
  readonly #queueGroup: string | undefined;
  #requests = 0;
  #errors = 0;
  #lastError: string | undefined;
  #processingMs = 0;

  constructor(subject: string, queueGroup: string | undefined) {
    this.#subject = subject;
    this.#queueGroup = queueGroup;
  }

  count(processingMs: number, error?: MeshError): void {
    this.#requests++;
    this.#processingMs += processingMs;
    if (!error) return;
    this.#errors++;
    this.#lastError = `${error.code}: ${error.message}`;
  }

  read(): EndpointStats {
    return {
      name: this.#subject.replaceAll(/[^A-Za-z0-9_-]/g, '-'),
      subject: this.#subject,
      queueGroup: this.#queueGroup,
      requests: this.#requests,
      errors: this.#errors,
      lastError: this.#lastError,
      processingMs: this.#processingMs,
    };
  }
}
