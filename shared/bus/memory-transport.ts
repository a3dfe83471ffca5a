/**
 * The in-memory twin of NATS, for tests: one broker, any number of connections. It keeps T1…T4, and is stricter where NATS
 * is merely dangerous: payloads are copied when published and overwritten after the callback they were lent to.
 */
import { MeshError } from '#shared/errors/errors.ts';
import { matchesSubject } from './subject-match.ts';
import {
  type Delivery,
  guarded,
  type PublishOptions,
  type Transport,
  type TransportStatus,
  type TransportSubscription,
} from './transport.ts';

/** The default of a NATS server. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;

interface Interest {
  readonly connection: MemoryTransport;
  readonly pattern: string;
  readonly queue: string | undefined;
  readonly callback: (delivery: Delivery) => void;
  isActive: boolean;
}

/** Stands for the server. */
export class MemoryBroker {
  readonly #interests = new Set<Interest>();
  readonly #connections = new Set<MemoryTransport>();
  readonly #random: () => number;
  #inboxes = 0;

  /** `random` picks the member of a queue group: in [0, 1). */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  connect(): MemoryTransport {
    const connection = new MemoryTransport(this);
    this.#connections.add(connection);
    return connection;
  }

  /** The server is gone: every connection is disconnected, what is on the way is lost. */
  stop(): void {
    for (const connection of this.#connections) connection.disconnect();
  }

  /** The server is back: every connection finds it, its subscriptions in place. */
  start(): void {
    for (const connection of this.#connections) connection.reconnect();
  }

  /** @internal */
  add(interest: Interest): void {
    this.#interests.add(interest);
  }

  /** @internal */
  remove(interest: Interest): void {
    this.#interests.delete(interest);
  }

  /** @internal */
  forget(connection: MemoryTransport): void {
    this.#connections.delete(connection);
  }

  /** @internal */
  newInbox(): string {
    this.#inboxes++;
    return `_INBOX.memory${this.#inboxes}`;
  }

  /** @internal */
  route(delivery: Delivery): number {
    const takers = this.#takers(delivery.subject);
    for (const taker of takers)
      taker.connection.receive(taker, { ...delivery, payload: new Uint8Array(delivery.payload) });
    return takers.length;
  }

  #takers(subject: string): readonly Interest[] {
    const all = [...this.#interests].filter(
      (one) => one.connection.isConnected && matchesSubject(one.pattern, subject),
    );
    const groups = Map.groupBy(
      all.filter((one) => one.queue !== undefined),
      (one) => one.queue,
    );
    const picked = [...groups.values()].map((members) => members[Math.floor(this.#random() * members.length)]!);
    return [...all.filter((one) => one.queue === undefined), ...picked];
  }
}

/** One connection to a {@link MemoryBroker}. */
export class MemoryTransport implements Transport {
  readonly maxPayloadBytes = MAX_PAYLOAD_BYTES;
  isConnected = true;
  readonly #broker: MemoryBroker;
  readonly #interests = new Set<Interest>();
  readonly #listeners = new Set<(status: TransportStatus) => void>();
  #pending: (() => void)[] = [];
  #isClosed = false;

  constructor(broker: MemoryBroker) {
    this.#broker = broker;
  }

  publish(subject: string, payload: Uint8Array, { headers = {}, reply }: PublishOptions = {}): void {
    if (payload.byteLength > MAX_PAYLOAD_BYTES) {
      throw new MeshError('PAYLOAD_TOO_LARGE', `${payload.byteLength} bytes do not fit into one message.`);
    }
    if (!this.isConnected || this.#isClosed) return;
    const takers = this.#broker.route({ subject, payload, headers, reply, isNoResponders: false });
    if (takers === 0 && reply !== undefined) this.#broker.route(noResponders(reply));
  }

  subscribe(
    subject: string,
    callback: (delivery: Delivery) => void,
    { queue }: { queue?: string } = {},
  ): TransportSubscription {
    this.#requireOpen();
    const interest: Interest = {
      connection: this,
      pattern: subject,
      queue,
      callback: guarded(callback),
      isActive: true,
    };
    this.#interests.add(interest);
    this.#broker.add(interest);
    return {
      unsubscribe: () => this.#end(interest),
      drain: async () => {
        this.#broker.remove(interest);
        await this.#settled();
        this.#end(interest);
      },
    };
  }

  newInbox(): string {
    return this.#broker.newInbox();
  }

  async flush(): Promise<void> {
    this.#requireOpen();
    if (!this.isConnected) throw new MeshError('BUS_UNAVAILABLE', 'The connection is down.');
    await this.#settled();
  }

  onStatus(listener: (status: TransportStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const interest of this.#interests) this.#end(interest);
    this.#broker.forget(this);
    await this.#settled();
  }

  /** Cuts this connection alone; what is on the way to it is lost. */
  disconnect(): void {
    if (!this.isConnected) return;
    this.isConnected = false;
    this.#pending = [];
    this.#tell({ type: 'disconnected' });
  }

  reconnect(): void {
    if (this.isConnected) return;
    this.isConnected = true;
    this.#tell({ type: 'connected' });
  }

  /** @internal Queues a delivery. */
  receive(interest: Interest, delivery: Delivery): void {
    this.#soon(() => {
      if (!interest.isActive) return;
      interest.callback(delivery);
      delivery.payload.fill(0xff);
    });
  }

  #tell(status: TransportStatus): void {
    for (const listener of this.#listeners) listener(status);
  }

  #end(interest: Interest): void {
    interest.isActive = false;
    this.#interests.delete(interest);
    this.#broker.remove(interest);
  }

  /** Resolves after all deliveries that are queued now. */
  #settled(): Promise<void> {
    return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  }

  #soon(run: () => void): void {
    if (this.#pending.push(run) > 1) return;
    setImmediate(() => {
      const due = this.#pending;
      this.#pending = [];
      for (const one of due) one();
    });
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new MeshError('BUS_UNAVAILABLE', 'The connection is closed.');
  }
}

function noResponders(subject: string): Delivery {
  return { subject, payload: new Uint8Array(0), headers: {}, reply: undefined, isNoResponders: true };
}
