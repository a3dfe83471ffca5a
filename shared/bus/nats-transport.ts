/** A connection to a NATS server as a {@link Transport}. The only file that opens one. */
import {
  connect,
  createInbox,
  errors,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type NodeConnectionOptions,
  headers as newHeaders,
  type Status,
} from '@nats-io/transport-node';
import { MeshError } from '#shared/errors/errors.ts';
import type { Headers } from './bus.ts';
import { inboxPrefix, nkeyFrom } from './identity.ts';
import {
  type Delivery,
  guarded,
  type PublishOptions,
  type Transport,
  type TransportStatus,
  type TransportSubscription,
} from './transport.ts';

/** Where and as whom to connect. */
export interface NatsOptions {
  /** `nats://host:4222`, `tls://…`; may hold `user:password@` or `token@`; several, separated by commas, of one cluster. */
  readonly url: string;
  /** Shown by the server's monitoring and logs. */
  readonly name: string;
  /** A file with an nkey seed, and the name of the identity it is of, by which its inbox is called. */
  readonly nkeyFile?: string | undefined;
  readonly identity?: string;
  /** A file with the certificates that vouch for the server; turns TLS on. */
  readonly caFile?: string | undefined;
}

/**
 * Connects, and stays connected: after a loss it tries for good.
 * @throws MeshError BUS_UNAVAILABLE when no server answers, CONFIGURATION when it refuses the credentials
 */
export async function connectNats(options: NatsOptions): Promise<NatsTransport> {
  try {
    const connection = connectionOptions(options);
    return new NatsTransport(await connect(connection), connection.inboxPrefix);
  } catch (error) {
    throw connectError(options.url, error as Error);
  }
}

function connectionOptions({ url, name, nkeyFile, identity, caFile }: NatsOptions): NodeConnectionOptions {
  const urls = url.split(',').map((one) => new URL(one.includes('://') ? one : `nats://${one}`));
  const { username, password } = urls[0]!;
  return {
    servers: urls.map((one) => one.host),
    name,
    ...credentials(decodeURIComponent(username), decodeURIComponent(password)),
    ...(caFile === undefined ? urls[0]!.protocol === 'tls:' && { tls: {} } : { tls: { caFile } }),
    ...(nkeyFile !== undefined && { authenticator: nkeyFrom(nkeyFile) }),
    ...(nkeyFile !== undefined && identity !== undefined && { inboxPrefix: inboxPrefix(identity) }),
    // The defaults give up after 20 s, and notice a dead link after 4 minutes.
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 50,
    pingInterval: 5000,
    // A stack trace for every request costs more than the request.
    noAsyncTraces: true,
  };
}

function credentials(user: string, pass: string): Partial<NodeConnectionOptions> {
  if (user === '') return {};
  return pass === '' ? { token: user } : { user, pass };
}

function connectError(url: string, cause: Error): MeshError {
  if (cause instanceof MeshError) return cause;
  const shown = url.replaceAll(/\/\/[^@/]*@/g, '//…@');
  if (cause instanceof errors.AuthorizationError) {
    return new MeshError(
      'CONFIGURATION',
      `The NATS server at ${shown} refuses the credentials of NATS_URL, or the nkey.`,
      {},
      { cause },
    );
  }
  return new MeshError(
    'BUS_UNAVAILABLE',
    `No NATS server answers at ${shown}: start one, or correct NATS_URL.`,
    {},
    { cause },
  );
}

/** See {@link connectNats}. */
export class NatsTransport implements Transport {
  /** For JetStream only, which is beyond the seam. */
  readonly connection: NatsConnection;
  isConnected = true;
  readonly #inboxPrefix: string | undefined;
  readonly #listeners = new Set<(status: TransportStatus) => void>();

  constructor(connection: NatsConnection, inboxPrefix?: string) {
    this.connection = connection;
    this.#inboxPrefix = inboxPrefix;
    void this.#watch();
  }

  get maxPayloadBytes(): number {
    return this.connection.info?.max_payload ?? 1024 * 1024;
  }

  publish(subject: string, payload: Uint8Array, { headers, reply }: PublishOptions = {}): void {
    if (this.connection.isClosed()) return;
    const options = {
      ...(headers === undefined ? {} : { headers: toNatsHeaders(headers) }),
      ...(reply === undefined ? {} : { reply }),
    };
    try {
      this.connection.publish(subject, payload, options);
    } catch (error) {
      throw publishError(payload, error as Error);
    }
  }

  subscribe(
    subject: string,
    callback: (delivery: Delivery) => void,
    { queue }: { queue?: string } = {},
  ): TransportSubscription {
    if (this.connection.isClosed()) throw new MeshError('BUS_UNAVAILABLE', 'The connection is closed.');
    const handle = guarded(callback);
    const subscription = this.connection.subscribe(subject, {
      callback: (error, message) => {
        // The server's refusal of the subscription; `error` of `onStatus` tells of it.
        if (!error) handle(toDelivery(message));
      },
      ...(queue === undefined ? {} : { queue }),
    });
    const isOver = (): boolean => subscription.isClosed() || this.connection.isClosed();
    return {
      unsubscribe: () => subscription.unsubscribe(),
      drain: async () => {
        if (!isOver()) await subscription.drain();
      },
    };
  }

  newInbox(): string {
    return createInbox(this.#inboxPrefix);
  }

  async flush(): Promise<void> {
    try {
      await this.connection.flush();
    } catch (cause) {
      throw new MeshError('BUS_UNAVAILABLE', 'The connection to NATS is down.', {}, { cause });
    }
  }

  onStatus(listener: (status: TransportStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      const told = toStatus(status);
      if (!told) continue;
      if (told.type !== 'error') this.isConnected = told.type === 'connected';
      for (const listener of this.#listeners) listener(told);
    }
  }
}

function toStatus(status: Status): TransportStatus | undefined {
  if (status.type === 'disconnect') return { type: 'disconnected' };
  if (status.type === 'reconnect') return { type: 'connected' };
  return status.type === 'error' ? { type: 'error', error: status.error } : undefined;
}

function toDelivery(message: Msg): Delivery {
  const { subject, data, headers, reply } = message;
  const isNoResponders = data.byteLength === 0 && headers?.code === 503;
  return { subject, payload: data, headers: fromNatsHeaders(headers), reply: reply || undefined, isNoResponders };
}

function toNatsHeaders(headers: Headers): MsgHdrs {
  const result = newHeaders();
  try {
    for (const [name, value] of Object.entries(headers)) result.set(name, value);
  } catch (cause) {
    throw new MeshError('INVALID_REQUEST', `A header cannot be sent: ${(cause as Error).message}`, {}, { cause });
  }
  return result;
}

function fromNatsHeaders(headers: MsgHdrs | undefined): Headers {
  if (!headers) return {};
  return Object.fromEntries(headers.keys().map((name) => [name, headers.get(name)]));
}

function publishError(payload: Uint8Array, cause: Error): MeshError {
  if (cause instanceof errors.InvalidSubjectError) {
    return new MeshError('INVALID_REQUEST', `NATS refuses the subject: ${cause.message}`, {}, { cause });
  }
  return new MeshError('PAYLOAD_TOO_LARGE', `${payload.byteLength} bytes do not fit into one message.`, {}, { cause });
}
