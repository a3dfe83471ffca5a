/**
 * The short way for large replies: straight from process to process, past the NATS server, at a fraction of its cost. On one
 * host over a unix socket; between hosts over TCP, where the callee was told by which address they reach it. The callee names
 * the places beside the announcement of its reply; the caller dials one, or takes the chunks.
 *
 *     caller                                                  callee
 *       │ ◄──────────── reply, bytes N, direct <token> <place>… │
 *       │ dials a place, sends <token> ────────────────────────►│
 *       │ ◄───────────────────────────────────── N bytes, end   │
 *
 * D1  Bytes go only to who sends the token, 122 random bits that only the caller of that very call was told, and only once.
 * D2  Whatever goes wrong (another host, another container, a connection that breaks) is an error of the fetch, never of the
 *     call: the chunks are still there to be asked for.
 * D3  Strangers hold no more than MAX_WAITING connections, each until it should have said its token; a receiver that stops
 *     reading holds its own until it has stood still for as long.
 *
 * A unix socket has a name in the kernel where there are such names (Linux), and no file; elsewhere a file in a folder that
 * only this user may enter. TCP is bound to the address it was told, and nothing on it is encrypted.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MeshError } from '#shared/errors/errors.ts';
import type { Segments } from '#shared/wire/segments.ts';
import {
  formatAddress,
  formatPlace,
  kernelName,
  type Place,
  parseAddress,
  SOCKET_FILE_NAME,
  SOCKET_FOLDER_PREFIX,
  TOKEN_LENGTH,
} from './direct-address.ts';
import { DirectFetch } from './direct-fetch.ts';
import { RecentFailures } from './recent-failures.ts';

/** Of somebody who has dialled and says nothing, and of a transfer that stands still. */
const IDLE_MS = 5000;
/** Handed to the socket at a time. */
const PIECE_BYTES = 2 ** 20;
/** Connections whose token is still to come. One comes with the connection, so honest ones wait for a moment only. */
const MAX_WAITING = 64;

/** Which ways a process offers; those of its system when left out. */
export interface DirectOptions {
  /** Sockets within the host: named in the kernel, as a file, or none. */
  readonly unix?: 'name' | 'file' | 'none';
  /** Address by which other hosts reach this process; without it there is no TCP. */
  readonly tcpHost?: string | undefined;
  readonly idleMs?: number;
}

/** Where the reply to one call can be had. */
export interface DirectOffer {
  /** A header value. */
  readonly address: string;
  /** Nobody needs it any more. Idempotent. */
  withdraw(): void;
}

/** See the head of this file. One for each bus: its giving side, and what it knows of others'. */
export class DirectPath {
  readonly #idleMs: number;
  readonly #places: Place[] = [];
  readonly #offers = new Map<string, Segments>();
  readonly #waiting = new Set<Socket>();
  readonly #sockets = new Set<Socket>();
  readonly #unreachable = new RecentFailures();
  /** Callers that took chunks where they might have dialled. */
  readonly #declining = new RecentFailures();
  readonly #closing: (() => unknown)[] = [];

  private constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** Listens. @throws MeshError CONFIGURATION when `tcpHost` is no address of this host */
  static async open({ unix = unixOfSystem(), tcpHost, idleMs = IDLE_MS }: DirectOptions = {}): Promise<DirectPath> {
    const path = new DirectPath(idleMs);
    if (unix === 'name') await path.#listenAtName();
    if (unix === 'file') await path.#listenAtFile();
    if (tcpHost !== undefined) await path.#listenOverTcp(tcpHost);
    return path;
  }

  /** Undefined where nothing listens. The segments must stay as they are until the offer is withdrawn. */
  offer(segments: Segments): DirectOffer | undefined {
    if (this.#places.length === 0) return undefined;
    const token = randomUUID();
    this.#offers.set(token, segments);
    const address = formatAddress({ token, places: this.#places });
    return { address, withdraw: () => this.#offers.delete(token) };
  }

  /** Whether a caller may be expected to dial: for replies that would fit into a message. */
  isWorthwhile(caller: string | undefined): boolean {
    return this.#places.length > 0 && caller !== undefined && !this.#declining.has(caller);
  }

  /** Notes a caller that takes chunks of what it was offered directly. */
  onDeclined(caller: string | undefined): void {
    if (caller !== undefined) this.#declining.add(caller);
  }

  /** Takes the `totalBytes` that lie at an address; undefined where there is no place that can be dialled. */
  fetch(address: string, totalBytes: number): DirectFetch | undefined {
    const { token, places = [] } = parseAddress(address) ?? {};
    const reachable = places.filter((place) => !this.#unreachable.has(formatPlace(place)));
    if (token === undefined || reachable.length === 0) return undefined;
    return new DirectFetch({
      token,
      totalBytes,
      places: reachable,
      idleMs: this.#idleMs,
      onUnreachable: (place) => this.#unreachable.add(formatPlace(place)),
    });
  }

  /** Ends what is on its way. Idempotent. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#closing.splice(0).map((close) => close()));
  }

  async #listenAtName(): Promise<void> {
    const path = kernelName(`latentmesh-${randomUUID()}`);
    await this.#listen({ path });
    this.#places.push({ route: 'unix', path });
  }

  async #listenAtFile(): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), SOCKET_FOLDER_PREFIX));
    this.#closing.push(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, SOCKET_FILE_NAME);
    await this.#listen({ path });
    this.#places.push({ route: 'unix', path });
  }

  async #listenOverTcp(host: string): Promise<void> {
    try {
      const { port } = (await this.#listen({ host, port: 0 })).address() as AddressInfo;
      this.#places.push({ route: 'tcp', host, port });
    } catch (cause) {
      await this.close();
      const text = `Direct streams cannot be offered at ${host}: name an address of this host, by which the others reach it.`;
      throw new MeshError('CONFIGURATION', text, { host }, { cause });
    }
  }

  async #listen(options: ListenOptions): Promise<Server> {
    const server = createServer((socket) => this.#welcome(socket));
    await once(server.listen(options).unref(), 'listening');
    server.on('error', () => {}); // of one connection; D2: who cannot dial takes the chunks
    this.#closing.unshift(() => server.close());
    return server;
  }

  #welcome(socket: Socket): void {
    if (this.#waiting.size >= MAX_WAITING) {
      socket.destroy();
      return;
    }
    this.#waiting.add(socket);
    this.#sockets.add(socket);
    const late = setTimeout(() => socket.destroy(), this.#idleMs).unref();
    socket.once('close', () => {
      clearTimeout(late);
      this.#waiting.delete(socket);
      this.#sockets.delete(socket);
    });
    socket.on('error', () => {}); // the other side is gone, or was never ours
    let token = '';
    socket.setEncoding('latin1').on('data', (text) => {
      token += text;
      if (token.length < TOKEN_LENGTH) return;
      clearTimeout(late);
      this.#waiting.delete(socket);
      this.#send(token, socket.removeAllListeners('data').pause());
    });
  }

  #send(token: string, socket: Socket): void {
    const segments = this.#offers.get(token);
    this.#offers.delete(token);
    if (!segments) {
      socket.destroy();
      return;
    }
    // Not the socket's own timeout: what the other side says would count as life, and it may talk and not read.
    const stuck = setTimeout(() => socket.destroy(), this.#idleMs).unref();
    socket.once('close', () => clearTimeout(stuck)); // the caller takes the chunks where it was too early
    socket.once('finish', () => socket.destroy());
    const parts = pieces(segments, stuck);
    socket.on('drain', () => writeSome(parts, socket));
    writeSome(parts, socket);
  }
}

/** As much as is handed over at a time, in one go; `drain` follows. */
function writeSome(parts: Iterator<Uint8Array>, socket: Socket): void {
  socket.cork();
  for (let givenBytes = 0; givenBytes < PIECE_BYTES; ) {
    const { value, done } = parts.next();
    if (done) {
      socket.end();
      break;
    }
    socket.write(value);
    givenBytes += value.byteLength;
  }
  socket.uncork();
}

/** In the order of the segments; each piece that is asked for shows that the former one has left. */
function* pieces(segments: Segments, stuck: NodeJS.Timeout): Generator<Uint8Array> {
  for (const segment of segments) {
    for (let from = 0; from < segment.byteLength; from += PIECE_BYTES) {
      stuck.refresh();
      yield segment.subarray(from, from + PIECE_BYTES);
    }
  }
}

function unixOfSystem(): NonNullable<DirectOptions['unix']> {
  if (process.platform === 'linux') return 'name';
  return process.platform === 'win32' ? 'none' : 'file';
}
