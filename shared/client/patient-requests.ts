/** Asks the mesh in JSON, with more patience than the bus's door: a mesh may be restarting just now. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Headers } from '#shared/bus/bus.ts';
import { type JsonRequestOptions, requestJson, subscribeJson } from '#shared/bus/door.ts';
import type { Transport } from '#shared/bus/transport.ts';
import { MeshError } from '#shared/errors/errors.ts';

/** A gateway that is started again is back within this time. */
const NO_ACTOR_PATIENCE_MS = 2_000;
const NO_ACTOR_RETRY_MS = 200;

/** See the head of this file. */
export class PatientRequests {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Sends `body` and resolves with the reply. Sent again after a lost connection: the mesh takes a request with the same job
   * name as the same request.
   * @throws MeshError the mesh's; PAYLOAD_TOO_LARGE; NO_ACTOR when no gateway runs; DEADLINE_EXCEEDED after `timeoutMs`
   */
  request<Reply>(subject: string, body: unknown, timeoutMs: number, headers: Headers = {}): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const ask = (): void => {
      this.#askPatiently(subject, body, { timeoutMs, headers }).then((reply) => resolve(reply as Reply), reject);
    };
    const stopListening = this.#transport.onStatus(({ type }) => type === 'connected' && ask());
    ask();
    return promise.finally(stopListening);
  }

  /** Hands on what is published on a subject; once it resolves nothing is missed. */
  async listen<Content>(subject: string, handler: (content: Content) => void): Promise<void> {
    subscribeJson(this.#transport, subject, (content) => handler(content as Content));
    await this.#transport.flush();
  }

  async #askPatiently(subject: string, body: unknown, options: JsonRequestOptions): Promise<unknown> {
    const giveUpUnixMs = Date.now() + NO_ACTOR_PATIENCE_MS;
    for (;;) {
      try {
        return await requestJson(this.#transport, subject, body, options);
      } catch (error) {
        if (MeshError.from(error).code !== 'NO_ACTOR') throw error;
        if (Date.now() > giveUpUnixMs) throw noGateway();
        await delay(NO_ACTOR_RETRY_MS);
      }
    }
  }
}

function noGateway(): MeshError {
  return new MeshError('NO_ACTOR', 'No gateway answers on this NATS server. Start a mesh: `npm start`.');
}
