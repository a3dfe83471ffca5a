/** A TCP proxy before the NATS server: the network between it and everyone else, and what can befall that. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/** See the head of this file. */
export class NatsProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #isPartitioned = false;
  #delayMs = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `nats://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(targetPort: number): Promise<NatsProxy> {
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new NatsProxy(server);
    server.on('connection', (client) => proxy.#join(client, connect(targetPort, '127.0.0.1')));
    return proxy;
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Nothing passes, and nobody is told: what is sent waits. */
  partition(isPartitioned: boolean): void {
    this.#isPartitioned = isPartitioned;
    for (const link of this.#links) {
      for (const socket of [link.client, link.server]) isPartitioned ? socket.pause() : socket.resume();
    }
  }

  /** Everything comes so much later, in its order. */
  slowDown(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Breaks all connections, or one. What was on its way is lost. */
  cut(which: 'all' | number): void {
    const links = [...this.#links];
    const doomed = which === 'all' ? links : links.slice(which % Math.max(1, links.length)).slice(0, 1);
    for (const { client, server } of doomed) {
      client.resetAndDestroy();
      server.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut('all');
    this.#server.close();
  }

  #join(client: Socket, server: Socket): void {
    const link = { client, server };
    this.#links.add(link);
    const end = (): void => {
      this.#links.delete(link);
      client.destroy();
      server.destroy();
    };
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true);
      from.on('data', (bytes) => void this.#pass(bytes, from, to));
      from.on('error', end);
      from.on('close', end);
    }
    if (!this.#isPartitioned) client.resume();
  }

  async #pass(bytes: Buffer, from: Socket, to: Socket): Promise<void> {
    if (this.#delayMs > 0) {
      from.pause();
      await delay(this.#delayMs);
      if (!this.#isPartitioned) from.resume();
    }
    if (!to.write(bytes)) {
      from.pause();
      to.once('drain', () => {
        if (!this.#isPartitioned) from.resume();
      });
    }
  }
}
