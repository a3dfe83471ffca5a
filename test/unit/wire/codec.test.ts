import { describe, expect, it } from 'vitest';
import { MeshError } from '#shared/errors/errors.ts';
import { type DType, f32, type Tensor, type TensorMap, tensor } from '#shared/tensor/tensor.ts';
import { decode, encode } from '#shared/wire/codec.ts';
import { type Message, message } from '#shared/wire/message.ts';
import { join } from '#shared/wire/segments.ts';

const roundTrip = (value: Message): Message => decode(join(encode(value)));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof MeshError ? error.code : String(error);
  }
  return 'nothing thrown';
}

const EVERY_DTYPE: TensorMap = {
  f32: tensor('f32', [3], new Float32Array([1.5, -2.25, Number.NaN])),
  f16: tensor('f16', [5], new Uint16Array([1, 2, 3, 4, 65535])),
  bf16: tensor('bf16', [1], new Uint16Array([0x3f80])),
  f64: tensor('f64', [2], new Float64Array([Math.PI, -0])),
  i64: tensor('i64', [2], new BigInt64Array([-(2n ** 63n), 2n ** 63n - 1n])),
  i32: tensor('i32', [1], new Int32Array([-7])),
  i16: tensor('i16', [3], new Int16Array([-1, 0, 1])),
  i8: tensor('i8', [1, 1, 1], new Int8Array([-128])),
  u8: tensor('u8', [7], new Uint8Array([1, 2, 3, 4, 5, 6, 7])),
  u16: tensor('u16', [1], new Uint16Array([9])),
  u32: tensor('u32', [1], new Uint32Array([2 ** 32 - 1])),
  bool: tensor('bool', [2], new Uint8Array([0, 1])),
  scalar: f32([], new Float32Array([4])),
  empty: f32([0, 4], new Float32Array(0)),
};

describe('wire codec — round trip', () => {
  it('W3: gives back every dtype, scalars and empty tensors', () => {
    expect(roundTrip(message(null, EVERY_DTYPE)).tensors).toEqual(EVERY_DTYPE);
  });

  it.each([
    ['null', null],
    ['numbers', [0, -1, 127, 128, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, 1.5, -0.1]],
    ['a 64-bit seed', { seed: 2n ** 63n }],
    ['text', { ascii: 'a', 'ключ ✓': '\u0000𝄞', long: 'x'.repeat(70_000) }],
    ['nesting', { a: [{ b: [[], {}, [null, true, false]] }] }],
    ['bytes', { png: new Uint8Array([1, 2, 3]) }],
    ['names of Object.prototype', { constructor: 1, toString: 2, hasOwnProperty: 3 }],
  ])('W3: gives back %s', (_name, body) => {
    expect(roundTrip(message(body)).body).toEqual(body);
  });

  it('W3: leaves out undefined properties, as JSON does', () => {
    expect(Object.keys(roundTrip(message({ a: 1, b: undefined })).body as object)).toEqual(['a']);
  });

  it('W1: sends tensors from where they lie', () => {
    const data = new Float32Array([1, 2, 3]);
    const segments = encode(message({}, { x: f32([3], data) }));
    expect(segments.some((segment) => segment.buffer === data.buffer)).toBe(true);
  });

  it('W2: views the incoming bytes when they are aligned', () => {
    const bytes = join(encode(message({ n: 1 }, EVERY_DTYPE)));
    const tensors = Object.values(decode(bytes).tensors);
    expect(tensors.every((value: Tensor) => value.data.buffer === bytes.buffer)).toBe(true);
  });

  it.each([1, 2, 3, 4, 5, 6, 7])('W2: decodes bytes that start %i off the grid', (shift) => {
    const bytes = join(encode(message({ n: 1 }, EVERY_DTYPE)));
    const shifted = Buffer.alloc(bytes.byteLength + 8).subarray(shift, shift + bytes.byteLength);
    shifted.set(bytes);
    expect(decode(shifted)).toEqual(message({ n: 1 }, EVERY_DTYPE));
  });

  it('has the layout that docs/wire-format.md shows', () => {
    const bytes = join(encode(message({ a: 1 }, { x: tensor('u16', [3], new Uint16Array([1, 2, 3])) })));
    const head = ['92', '81a16101', '91', '93a178a3753136', '9103'].join('');
    expect(Buffer.from(bytes).toString('hex')).toBe(`4c4d57310f000000${head}00${'010002000300'}0000`);
  });
});

describe('wire codec — what cannot be sent', () => {
  it.each([
    ['a date', { at: new Date(0) }],
    ['a symbol', { s: Symbol('x') }],
    ['nesting without end', nested(2000)],
    ['a cycle', cycle()],
  ])('refuses %s with WIRE_INVALID', (_name, body) => {
    expect(codeOf(() => encode(message(body)))).toBe('WIRE_INVALID');
  });

  it('refuses a tensor whose data does not fill its shape', () => {
    const broken: Tensor = { dtype: 'f32', shape: [4], data: new Float32Array(3) };
    expect(codeOf(() => encode(message({}, { broken })))).toBe('WRONG_SHAPE');
  });
});

describe('wire codec — hostile bytes', () => {
  const bytes = join(
    encode(message({ text: 'hello', list: [1, 2.5, null], raw: new Uint8Array(20) }, { x: f32([3]), y: f32([2, 2]) })),
  );

  it('W4: refuses a message cut off at any byte', () => {
    for (let length = 0; length < bytes.byteLength; length++) {
      expect(codeOf(() => decode(bytes.slice(0, length)))).toBe('WIRE_INVALID');
    }
  });

  it('W4: refuses trailing bytes', () => {
    expect(codeOf(() => decode(join([bytes, new Uint8Array(8)])))).toBe('WIRE_INVALID');
  });

  it.each([
    ['an array of 4 billion', 'ddffffffff'],
    ['an array of 30 million', 'dd01c9c380'],
    ['a map of 4 billion', 'dfffffffff'],
    ['a string of 4 GB', 'dbffffffff'],
    ['bytes of 4 GB', 'c6ffffffff'],
    ['an extension', 'd40000'],
    ['a record definition', 'd472409161610102'],
    ['a date', 'd6ff00000000'],
    ['the unused token', 'c1'],
    ['a number as a key', '810102'],
    ['the key __proto__', `81a9${Buffer.from('__proto__').toString('hex')}80`],
    ['depth', `${'91'.repeat(100_000)}c0`],
  ])('W4: refuses a body that is %s', (_name, hex) => {
    expect(codeOf(() => decode(withHead(`92${hex}90`)))).toBe('WIRE_INVALID');
  });

  it.each([
    ['no table', ['body']],
    ['a table that is no list', [null, 5]],
    ['a row that is no triple', [null, [['x', 'f32']]]],
    ['an unknown dtype', [null, [['x', 'f128', [0]]]]],
    ['a dtype that is a name of Object.prototype', [null, [['x', 'constructor', [0]]]]],
    ['a negative dimension', [null, [['x', 'f32', [-1]]]]],
    ['a fractional dimension', [null, [['x', 'f32', [0.5]]]]],
    ['a product beyond 2^53', [null, [['x', 'u8', [2 ** 30, 2 ** 30]]]]],
    ['a size that wraps to nothing', [null, [['x', 'f64', [2 ** 31, 2 ** 31, 0.25]]]]],
    ['a tensor of 8 TB', [null, [['x', 'f64', [2 ** 40]]]]],
    ['rank 9', [null, [['x', 'u8', [1, 1, 1, 1, 1, 1, 1, 1, 1]]]]],
    ['a tensor called __proto__', [null, [['__proto__', 'u8', [0]]]]],
    [
      'two tensors of one name',
      [
        null,
        [
          ['x', 'u8', [0]],
          ['x', 'u8', [0]],
        ],
      ],
    ],
  ])('W4: refuses a head with %s', (_name, head) => {
    const packed = join(encode(message(head))).subarray(8 + 1);
    expect(codeOf(() => decode(withHead(Buffer.from(packed).toString('hex'), headLength(head))))).toBe('WIRE_INVALID');
  });

  it('W5: a body cannot reach a prototype', () => {
    expect(codeOf(() => encode(message(JSON.parse('{"__proto__": {"polluted": true}}'))))).toBe('WIRE_INVALID');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('W4: random bytes and random damage never do worse than WIRE_INVALID', () => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
    const random = mulberry32(seed);
    for (let round = 0; round < 20_000; round++) {
      const damaged = damage(bytes, random);
      const code = codeOf(() => decode(damaged));
      expect(['WIRE_INVALID', 'nothing thrown'], `FUZZ_SEED=${seed}, round ${round}`).toContain(code);
    }
  });
});

function withHead(hex: string, length = hex.length / 2): Uint8Array {
  const padded = Math.ceil(length / 8) * 8;
  const bytes = new Uint8Array(8 + padded);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x31574d4c, true);
  view.setUint32(4, length, true);
  bytes.set(Buffer.from(hex, 'hex').subarray(0, length), 8);
  return bytes;
}

/** Length of `head` in msgpack: the whole head is [head, []], which adds a byte before and one after. */
function headLength(head: unknown): number {
  const bytes = join(encode(message(head)));
  return new DataView(bytes.buffer).getUint32(4, true) - 2;
}

function nested(depth: number): unknown {
  let value: unknown = null;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

function cycle(): unknown {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

/** https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function damage(bytes: Uint8Array, random: () => number): Uint8Array {
  const copy = bytes.slice(0, random() < 0.2 ? Math.floor(random() * bytes.byteLength) : bytes.byteLength);
  const flips = 1 + Math.floor(random() * 4);
  for (let i = 0; i < flips && copy.byteLength > 0; i++) {
    copy[Math.floor(random() * copy.byteLength)] = Math.floor(random() * 256);
  }
  return copy;
}

/** Keeps the list of dtypes honest: a new one must be added to the round trip. */
const _all: Record<DType, unknown> = EVERY_DTYPE as Record<DType, unknown>;
void _all;
