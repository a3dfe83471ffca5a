/** Somebody between caller and callee of a direct stream who does what a network may do. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  formatAddress,
  kernelName,
  type Place,
  parseAddress,
  SOCKET_FILE_NAME,
  SOCKET_FOLDER_PREFIX,
} from '#shared/bus/direct-address.ts';
import { HEADER } from '#shared/bus/protocol.ts';
import type { PublishOptions, Transport } from '#shared/bus/transport.ts';

/** Bytes that pass before it happens. */
const BEFORE = 500_000;

/** What becomes of the bytes on their way from the callee to the caller. */
export const MISCHIEF: Readonly<Record<string, (from: Socket, to: Socket) => void>> = {
  'ends in the middle': (from, to) => passBefore(from, () => to.destroy(), to),
  'stands still in the middle': (from, to) => passBefore(from, () => from.pause(), to),
  'brings less than was announced': (from, to) => {
    from.on('data', (piece: Buffer) => to.write(piece.subarray(1)));
    from.on('end', () => to.end());
  },
  'brings more than was announced': (from, to) => {
    from.pipe(to, { end: false });
    from.on('end', () => to.end('x'));
  },
};

function passBefore(from: Socket, happen: () => void, to: Socket): void {
  let passed = 0;
  from.on('data', (piece: Buffer) => {
    to.write(piece);
    passed += piece.byteLength;
    if (passed >= BEFORE) happen();
  });
}

/** See the head of this file. */
export class Middleman implements AsyncDisposable {
  readonly place: Place;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #clean: () => Promise<void>;
  #target: Place | undefined;

  private constructor(server: Server, place: Place, clean: () => Promise<void>) {
    this.#server = server;
    this.place = place;
    this.#clean = clean;
  }

  /** Listens at a place of the same kind. */
  static async listen(like: 'name' | 'file' | 'tcp', meddle: (from: Socket, to: Socket) => void): Promise<Middleman> {
    const server = createServer((socket) => man.#stand(socket, meddle));
    const folder = like === 'file' ? await mkdtemp(join(tmpdir(), SOCKET_FOLDER_PREFIX)) : undefined;
    const path = folder ? join(folder, SOCKET_FILE_NAME) : kernelName(`latentmesh-${crypto.randomUUID()}`);
    await once(server.listen(like === 'tcp' ? { host: '127.0.0.1', port: 0 } : { path }), 'listening');
    const address = server.address();
    const place: Place =
      typeof address === 'object' && address
        ? { route: 'tcp', host: '127.0.0.1', port: address.port }
        : { route: 'unix', path };
    const man: Middleman = new Middleman(server, place, async () => {
      if (folder) await rm(folder, { recursive: true, force: true });
    });
    return man;
  }

  /** The same address, with itself in the place of the callee. */
  readonly redirect = (address: string): string => {
    const { token, places } = parseAddress(address)!;
    [this.#target] = places;
    return formatAddress({ token, places: [this.place] });
  };

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await this.#clean();
  }

  #stand(caller: Socket, meddle: (from: Socket, to: Socket) => void): void {
    const callee = connect({ ...this.#target! });
    for (const socket of [caller, callee]) {
      this.#sockets.add(socket);
      socket.on('error', () => {}); // one of the two has gone, which is what it is about
    }
    caller.pipe(callee, { end: false });
    meddle(callee, caller);
  }
}

/** The transport itself, with another address in what it publishes. */
export function rewriting(transport: Transport, change: (address: string) => string): Transport {
  const publish = (subject: string, payload: Uint8Array, options: PublishOptions = {}): void => {
    const address = options.headers?.[HEADER.direct];
    const headers = address === undefined ? options.headers : { ...options.headers, [HEADER.direct]: change(address) };
    transport.publish(subject, payload, { ...options, ...(headers && { headers }) });
  };
  return new Proxy(transport, {
    get: (target, name) => {
      const value: unknown = name === 'publish' ? publish : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
