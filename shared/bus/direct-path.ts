/**
 * The short way for large replies: straight from process to process on one machine, past the NATS server, at a tenth of its cost.
 * The callee names a socket beside the announcement of its reply; the caller dials it, or takes the chunks.
 *
 *     caller                                          callee
 *       │ ◄──────────── reply, bytes N, direct <address> │
 *       │ dials <name>, sends <token> ──────────────────►│
 *       │ ◄───────────────────────────────────── N bytes │
 *
 * D1  Bytes go only to who sends the token, 122 random bits that only the caller of that very call was told.
 * D2  Whatever goes wrong (another machine, another container, a system without such sockets, a connection that breaks)
 *     is an error of `fetchDirect`, never of the call: the chunks are still there to be asked for.
 *
 * The socket has a name in the kernel and no file, so nothing is left by a process that was killed. Linux only.
 */
import { randomUUID } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { allocate, type Segments } from '#shared/wire/segments.ts';

/** Length of a UUID. */
const TOKEN_BYTES = 36;
/** Nothing else is dialled, whoever asks for it. */
const ADDRESS = /^(latentmesh-[\da-f-]{36}) ([\da-f-]{36})$/;
/** Of somebody who has dialled and says nothing, and of a transfer that stands still. */
const IDLE_MS = 5000;
/** Read in pieces that stay in the processor's cache; larger ones are no faster. */
const PIECE_BYTES = 256 * 1024;

/** Where the reply to one call can be had. */
export interface DirectOffer {
  /** A header value: `<name> <token>`. */
  readonly address: string;
  /** Nobody needs it any more. Idempotent. */
  withdraw(): void;
}

/** The giving side, one for each bus. */
export class DirectPath {
  readonly #name = `latentmesh-${randomUUID()}`;
  readonly #offers = new Map<string, Segments>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  /** Undefined where there are no such sockets. The segments must stay as they are until the offer is withdrawn. */
  offer(segments: Segments): DirectOffer | undefined {
    if (process.platform !== 'linux') return undefined;
    this.#server ??= this.#listen();
    const token = randomUUID();
    this.#offers.set(token, segments);
    return { address: `${this.#name} ${token}`, withdraw: () => this.#offers.delete(token) };
  }

  /** Ends what is on its way. */
  close(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #listen(): Server {
    const server = createServer((socket) => this.#welcome(socket));
    server.on('error', () => {}); // D2: who cannot dial takes the chunks
    server.listen(kernelName(this.#name));
    return server.unref();
  }

  #welcome(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {}); // the other side is gone, or was never ours
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    let token = '';
    socket.setEncoding('latin1').on('data', (text) => {
      token += text;
      if (token.length >= TOKEN_BYTES) this.#send(token, socket.removeAllListeners('data'));
    });
  }

  #send(token: string, socket: Socket): void {
    const segments = this.#offers.get(token);
    if (segments)
      pipeline(segments, socket).catch(() => {}); // it destroys the socket, and the caller takes the chunks
    else socket.destroy();
  }
}

/** A transfer that is under way. */
export interface DirectFetch {
  /** The bytes, complete. Rejects with whatever went wrong. */
  readonly done: Promise<Uint8Array>;
  /** Gives up; idempotent. */
  stop(): void;
}

/** Takes the `totalBytes` that lie at an address. */
export function fetchDirect(address: string, totalBytes: number): DirectFetch {
  const { promise: done, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const [, name, token] = ADDRESS.exec(address) ?? [];
  if (name === undefined || token === undefined)
    return { done: Promise.reject(new Error('no address')), stop: () => {} };
  const bytes = allocate(totalBytes);
  let filled = 0;
  const take = (count: number, piece: Uint8Array): boolean => {
    if (filled + count > totalBytes) socket.destroy(new Error('More came than was announced.'));
    else bytes.set(piece.subarray(0, count), filled);
    filled += count;
    if (filled === totalBytes) resolve(bytes);
    return true;
  };
  const socket = connect({
    path: kernelName(name),
    onread: { buffer: new Uint8Array(PIECE_BYTES), callback: take },
  });
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.once('error', reject);
  socket.once('close', () => reject(new Error(`${filled} of ${totalBytes} bytes came.`)));
  socket.write(token);
  return { done, stop: () => void socket.destroy() };
}

/** Names that start with NUL are the kernel's own: unix(7), "abstract". */
function kernelName(name: string): string {
  return `\0${name}`;
}
