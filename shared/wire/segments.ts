/** A message as a list of byte segments, so that tensors are sent from where they lie. */

/** Parts of one message, in order; tensor parts are views on the caller's data. */
export type Segments = readonly Uint8Array[];

/** Length of the joined message, bytes. */
export function segmentsByteLength(segments: Segments): number {
  return segments.reduce((sum, segment) => sum + segment.byteLength, 0);
}

/** One array with all bytes; a single segment is returned as it is. */
export function join(segments: Segments): Uint8Array {
  if (segments.length === 1) return segments[0]!;
  const joined = allocate(segmentsByteLength(segments));
  let offset = 0;
  for (const segment of segments) {
    joined.set(segment, offset);
    offset += segment.byteLength;
  }
  return joined;
}

/** Bytes on a buffer of their own, so offset 0 is aligned for every dtype. Not zeroed: the caller writes all of it. */
export function allocate(sizeBytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(sizeBytes).buffer);
}

/** Reads a byte range of segments from front to back and from anywhere, without joining them. */
export class SegmentReader {
  readonly byteLength: number;
  readonly #segments: Segments;
  /** Offset of each segment in the joined message. */
  readonly #starts: number[] = [];

  constructor(segments: Segments) {
    this.#segments = segments;
    let start = 0;
    for (const segment of segments) {
      this.#starts.push(start);
      start += segment.byteLength;
    }
    this.byteLength = start;
  }

  /** Copies `[from, from + target.byteLength)` of the joined message into `target`. */
  read(from: number, target: Uint8Array): void {
    let index = this.#segmentAt(from);
    let written = 0;
    while (written < target.byteLength) {
      const segment = this.#segments[index]!;
      const offset = from + written - this.#starts[index]!;
      const part = segment.subarray(offset, offset + target.byteLength - written);
      target.set(part, written);
      written += part.byteLength;
      index++;
    }
  }

  /** The last segment that starts at or before the offset. */
  #segmentAt(offset: number): number {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
