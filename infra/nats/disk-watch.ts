/**
 * A nats-server whose disk was full. It keeps a stream that it once could not write closed, however much room there is later, until it
 * is started again (seen with 2.15.2: "Critical write error", then a time-out for every message).
 */
import { open, statfs } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** What is looked at. */
export interface DiskWatchOptions {
  /** The server's log, begun anew when it was started. */
  readonly logFile: string;
  /** A folder on its disk. */
  readonly storeDir: string;
  readonly signal: AbortSignal;
  /** The disk is full; told once. */
  readonly onFull: () => void;
}

const LOOK_MS = 500;
const FULL = 'no space left on device';
/** Room that makes a new start worth while: a moment's pictures; on a small disk a part of it. */
const ROOM_BYTES = 64 * 2 ** 20;
const ROOM_SHARE = 0.2;

/** @returns true when the server had to do without disk and there is room again; false when the signal aborted */
export async function untilRoomAgain({ logFile, storeDir, signal, onFull }: DiskWatchOptions): Promise<boolean> {
  const log = new LogTail(logFile);
  while (!(await log.read()).includes(FULL)) if (!(await waited(signal))) return false;
  onFull();
  while (!(await hasRoom(storeDir))) if (!(await waited(signal))) return false;
  return true;
}

async function waited(signal: AbortSignal): Promise<boolean> {
  await delay(LOOK_MS, undefined, { signal }).catch(() => {});
  return !signal.aborted;
}

async function hasRoom(folder: string): Promise<boolean> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return bavail * bsize >= Math.min(ROOM_BYTES, ROOM_SHARE * blocks * bsize);
}

/** What a file got since the last look; the end of the former part goes with it, since a line may be cut. */
class LogTail {
  readonly #path: string;
  #offset = 0;
  #end = '';

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<string> {
    await using file = await open(this.#path);
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - this.#offset), { position: this.#offset });
    this.#offset += bytesRead;
    const text = this.#end + buffer.toString('utf8', 0, bytesRead);
    this.#end = text.slice(-FULL.length);
    return text;
  }
}
