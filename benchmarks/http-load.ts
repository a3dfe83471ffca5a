/** Load on a gateway by plain keep-alive connections: as little client as Node allows, since it shares the machine. */
import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/** What an answer was, and how long it took. */
export interface TimedAnswer {
  readonly status: number;
  readonly ms: number;
}

/** A client of one server. */
export class HttpLoad implements Disposable {
  readonly #url: URL;
  readonly #agent: Agent;

  constructor(url: string, connections: number) {
    this.#url = new URL(url);
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** One request; its answer is read and thrown away. */
  ask(method: string, path: string, body?: string): Promise<TimedAnswer> {
    const startedMs = performance.now();
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length };
    return new Promise((resolve, reject) => {
      const { hostname: host, port } = this.#url;
      const sent = request({ host, port, path, method, headers, agent: this.#agent }, (response) => {
        response.resume();
        response.once('end', () => resolve({ status: response.statusCode!, ms: performance.now() - startedMs }));
        response.once('error', reject);
      });
      sent.once('error', reject);
      sent.end(body);
    });
  }

  /** So many at a time, each as soon as one before it is answered, until there were `count`. @returns answers a second */
  async closed(count: number, atOnce: number, ask: () => Promise<TimedAnswer>): Promise<number> {
    const startedMs = performance.now();
    let left = count;
    const worker = async (): Promise<void> => {
      while (left-- > 0) await ask();
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    return count / ((performance.now() - startedMs) / 1000);
  }

  /** At a steady rate whatever the answers do, as people come; times count from when a request was due. */
  async open(count: number, perSecond: number, ask: () => Promise<TimedAnswer>): Promise<TimedAnswer[]> {
    const startedMs = performance.now();
    const answers: Promise<TimedAnswer>[] = [];
    while (answers.length < count) {
      const due = Math.min(count, Math.floor(((performance.now() - startedMs) / 1000) * perSecond));
      while (answers.length < due) {
        const lateMs = performance.now() - startedMs - (answers.length / perSecond) * 1000;
        answers.push(ask().then(({ status, ms }) => ({ status, ms: ms + lateMs })));
      }
      await delay(1);
    }
    return Promise.all(answers);
  }

  /** A stream of events that is read and thrown away. @returns the way to leave it */
  listen(path: string): Promise<() => void> {
    const { hostname: host, port } = this.#url;
    return new Promise((resolve, reject) => {
      const sent = request({ host, port, path, agent: false }, (response: IncomingMessage) => {
        response.on('error', () => {}); // we leave in the middle
        response.resume();
        resolve(() => void sent.destroy());
      });
      sent.once('error', reject);
      sent.end();
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
