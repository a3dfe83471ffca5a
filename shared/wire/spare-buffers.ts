/**
 * Buffers of large messages that were used up, for the next ones. The residuals of a step are as many bytes as those of the
 * last; memory that is new costs as much again as the bytes that come into it, since the system clears it page by page.
 *
 * Owns      what lies spare in this process: one for all of it, as the allocator is.
 *
 * S1  A buffer is given by whoever was the last to use it, once; what views it afterwards sees other messages.
 * S2  At most MAX_SPARE_BYTES lie here, the oldest go first, and nothing for longer than KEEP_MS to 2 × KEEP_MS.
 */
import { allocate } from './segments.ts';

/**
 * Smaller ones cost nothing to speak of. What lies outside of V8's heap makes it collect all of its heap whenever another 32 MiB have come:
 * with new memory for 400 KB of residuals that is at every 25th step, and takes a third of the time of the threads that move them.
 */
const LEAST_BYTES = 2 ** 16;
/** Lengths are rounded up to it: heads of messages differ by some bytes. */
const GRAIN_BYTES = 2 ** 14;
/** The residuals of two ControlNets of SDXL at 1024². */
const MAX_SPARE_BYTES = 256 * 2 ** 20;
/** Longer than a step; a process that has nothing to do gives its memory back. */
const KEEP_MS = 5000;

interface Spare {
  readonly buffer: ArrayBuffer;
  readonly sinceMs: number;
}

/** The oldest first. */
let spares: readonly Spare[] = [];
let sweep: NodeJS.Timeout | undefined;

/** Bytes on a buffer of their own, which may be longer; not zeroed. */
export function takeBytes(sizeBytes: number): Uint8Array<ArrayBuffer> {
  if (sizeBytes < LEAST_BYTES) return allocate(sizeBytes);
  const length = Math.ceil(sizeBytes / GRAIN_BYTES) * GRAIN_BYTES;
  const fitting = spares.findLast((spare) => spare.buffer.byteLength === length);
  spares = spares.filter((spare) => spare !== fitting);
  return new Uint8Array(fitting?.buffer ?? allocate(length).buffer, 0, sizeBytes);
}

/** Gives a buffer for the next message of its length; small ones are left to the collector. */
export function giveBuffer(buffer: ArrayBufferLike): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength < LEAST_BYTES) return;
  if (spares.some((spare) => spare.buffer === buffer)) return;
  spares = withinLimit([...spares, { buffer, sinceMs: performance.now() }]);
  sweep ??= setInterval(dropOld, KEEP_MS).unref();
}

/** Bytes that lie spare: part of what the process holds. */
export function spareBytes(): number {
  return spares.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}

function withinLimit(all: readonly Spare[]): readonly Spare[] {
  let leftBytes = MAX_SPARE_BYTES;
  const firstKept = all.findLastIndex(({ buffer }) => {
    leftBytes -= buffer.byteLength;
    return leftBytes < 0;
  });
  return all.slice(firstKept + 1);
}

function dropOld(): void {
  const oldestMs = performance.now() - KEEP_MS;
  spares = spares.filter(({ sinceMs }) => sinceMs >= oldestMs);
  if (spares.length > 0) return;
  clearInterval(sweep);
  sweep = undefined;
}
