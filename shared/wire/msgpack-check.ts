/**
 * Walks msgpack bytes without building anything, and accepts plain data only. It stands before the decoder, which would
 * allocate an array of an announced length before reading it and would build classes from extension types.
 * Format: https://github.com/msgpack/msgpack/blob/8aa09e2a6a91/spec.md
 */
import { MeshError } from '#shared/errors/errors.ts';

/** Nesting that no honest body reaches, far below what overflows the stack. */
const MAX_DEPTH = 64;

function invalid(why: string, offset: number): MeshError {
  return new MeshError('WIRE_INVALID', `The message body is no plain msgpack: ${why} at byte ${offset}.`, { offset });
}

/** Bytes that follow the token for fixed-size values: nil, booleans, floats and integers (0xc0…0xd3). */
const FIXED_SIZE: Readonly<Record<number, number>> = {
  192: 0,
  194: 0,
  195: 0,
  202: 4,
  203: 8,
  204: 1,
  205: 2,
  206: 4,
  207: 8,
  208: 1,
  209: 2,
  210: 4,
  211: 8,
};

/** Width of the length field of bin, str, array and map tokens. */
const LENGTH_WIDTH: Readonly<Record<number, 1 | 2 | 4>> = {
  196: 1,
  197: 2,
  198: 4,
  217: 1,
  218: 2,
  219: 4,
  220: 2,
  221: 4,
  222: 2,
  223: 4,
};

type Kind = 'scalar' | 'bytes' | 'string' | 'array' | 'map';

interface Item {
  readonly kind: Kind;
  /** Bytes of a scalar, bytes or string; entries of an array or map. */
  readonly length: number;
}

class Walker {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  check(): void {
    this.#value(0);
    if (this.#offset !== this.#bytes.byteLength) throw invalid('trailing bytes', this.#offset);
  }

  #value(depth: number): void {
    const item = this.#item();
    if (item.kind === 'array' || item.kind === 'map') this.#children(item, depth + 1);
    else this.#skip(item.length);
  }

  #children({ kind, length }: Item, depth: number): void {
    if (depth > MAX_DEPTH) throw invalid(`nesting deeper than ${MAX_DEPTH}`, this.#offset);
    // Every value takes a byte at least, so a count beyond what is left is a lie.
    if (length > this.#bytes.byteLength - this.#offset) throw invalid(`${length} entries do not fit`, this.#offset);
    for (let i = 0; i < length; i++) {
      if (kind === 'map') this.#key();
      this.#value(depth);
    }
  }

  #key(): void {
    const { kind, length } = this.#item();
    if (kind !== 'string') throw invalid('a key that is no string', this.#offset);
    const start = this.#offset;
    this.#skip(length);
    if (length === 9 && Buffer.from(this.#bytes.subarray(start, this.#offset)).toString('latin1') === '__proto__') {
      throw invalid('the key __proto__', start);
    }
  }

  #item(): Item {
    const start = this.#offset;
    this.#skip(1);
    const token = this.#bytes[start]!;
    if (token < 0x80 || token >= 0xe0) return { kind: 'scalar', length: 0 };
    if (token < 0x90) return { kind: 'map', length: token & 0x0f };
    if (token < 0xa0) return { kind: 'array', length: token & 0x0f };
    if (token < 0xc0) return { kind: 'string', length: token & 0x1f };
    const width = LENGTH_WIDTH[token];
    if (width) return { kind: kindOf(token), length: this.#length(width) };
    const size = FIXED_SIZE[token];
    if (size === undefined) throw invalid(`type 0x${token.toString(16)}`, start);
    return { kind: 'scalar', length: size };
  }

  #length(width: 1 | 2 | 4): number {
    const at = this.#offset;
    this.#skip(width);
    if (width === 1) return this.#view.getUint8(at);
    return width === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #skip(length: number): void {
    if (length > this.#bytes.byteLength - this.#offset) throw invalid('cut off', this.#offset);
    this.#offset += length;
  }
}

function kindOf(token: number): Kind {
  if (token <= 0xc6) return 'bytes';
  if (token <= 0xdb) return 'string';
  return token <= 0xdd ? 'array' : 'map';
}

/** @throws MeshError WIRE_INVALID unless the bytes are exactly one value of plain data with string keys. */
export function checkPlainMsgpack(bytes: Uint8Array): void {
  new Walker(bytes).check();
}
