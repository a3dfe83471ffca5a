/** A protobuf writer for the few wire types that ONNX needs. Knows fields and bytes, not messages. */

/** https://protobuf.dev/programming-guides/encoding/#structure */
const WIRE = { varint: 0, bytes: 2, fixed32: 5 } as const;

/** Longest varint: 64 bits, 7 per byte. */
const MAX_VARINT_BYTES = 10;

/** UTF-8 needs at most three bytes for each UTF-16 unit. */
const MAX_UTF8_PER_UNIT = 3;

const TEXT = new TextEncoder();

/** Appends fields to a growing buffer. */
export class ProtoWriter {
  #bytes: Uint8Array = new Uint8Array(1 << 16);
  #length = 0;

  /** A signed or unsigned integer of any varint type. Negative values take ten bytes, as int32 and int64 do. */
  int(field: number, value: number): void {
    this.#tag(field, WIRE.varint);
    this.#varint(value);
  }

  /** One field per value: ONNX is proto2, whose repeated integers are not packed. */
  ints(field: number, values: Iterable<number>): void {
    for (const value of values) this.int(field, value);
  }

  float(field: number, value: number): void {
    this.#tag(field, WIRE.fixed32);
    this.#reserve(4);
    new DataView(this.#bytes.buffer).setFloat32(this.#length, value, true);
    this.#length += 4;
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, WIRE.bytes);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  string(field: number, value: string): void {
    this.message(field, () => {
      this.#reserve(value.length * MAX_UTF8_PER_UNIT);
      this.#length += TEXT.encodeInto(value, this.#bytes.subarray(this.#length)).written;
    });
  }

  /** A nested message: its length is known only after its body, which then moves up to make room for it. */
  message(field: number, writeBody: () => void): void {
    this.#tag(field, WIRE.bytes);
    const start = this.#length;
    writeBody();
    const bodyBytes = this.#length - start;
    const lengthBytes = varintBytes(bodyBytes);
    this.#reserve(lengthBytes);
    this.#bytes.copyWithin(start + lengthBytes, start, this.#length);
    this.#length = start;
    this.#varint(bodyBytes);
    this.#length += bodyBytes;
  }

  /** A copy of what was written so far. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    this.#reserve(MAX_VARINT_BYTES);
    if (value < 0) this.#putNegative(value);
    else this.#putNatural(value);
  }

  /** Up to 2^53 plain numbers will do. */
  #putNatural(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Two's complement in 64 bits. */
  #putNegative(value: number): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest >= 0x80n) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

function varintBytes(value: number): number {
  let count = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) count++;
  return count;
}
