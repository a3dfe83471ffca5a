import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { ProtoWriter } from '#shared/graph/protobuf/writer.ts';

function readerOf(write: (writer: ProtoWriter) => void): BinaryReader {
  const writer = new ProtoWriter();
  write(writer);
  return new BinaryReader(writer.finish());
}

describe('protobuf writer — an independent reader gets back', () => {
  it.each([0, 1, 127, 128, 300, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER, -1, -128, -(2 ** 40)])(
    'int %d',
    (value) => {
      const reader = readerOf((writer) => writer.int(3, value));
      expect(reader.tag()).toEqual([3, WireType.Varint]);
      expect(BigInt(reader.int64())).toBe(BigInt(value));
      expect(reader.pos).toBe(reader.len);
    },
  );

  it('a float of single precision', () => {
    const reader = readerOf((writer) => writer.float(2, 1e-5));
    expect(reader.tag()).toEqual([2, WireType.Bit32]);
    expect(reader.float()).toBe(Math.fround(1e-5));
  });

  it('text of one to four bytes a character', () => {
    const reader = readerOf((writer) => writer.string(1, 'aß→🦊'));
    expect(reader.tag()).toEqual([1, WireType.LengthDelimited]);
    expect(reader.string()).toBe('aß→🦊');
  });

  it.each([0, 127, 128, 16_383, 16_384, 200_000])('a nested message of %d bytes, and the field behind it', (size) => {
    const body = Uint8Array.from({ length: size }, (_, i) => i % 251);
    const reader = readerOf((writer) => {
      writer.message(1, () => writer.message(2, () => writer.bytes(3, body)));
      writer.int(4, 7);
    });
    expect(reader.tag()).toEqual([1, WireType.LengthDelimited]);
    const end = reader.uint32() + reader.pos;
    expect(reader.tag()).toEqual([2, WireType.LengthDelimited]);
    reader.uint32();
    expect(reader.tag()).toEqual([3, WireType.LengthDelimited]);
    expect(Buffer.from(reader.bytes()).equals(body)).toBe(true);
    expect(reader.pos).toBe(end);
    expect(reader.tag()).toEqual([4, WireType.Varint]);
    expect(reader.int32()).toBe(7);
  });
});
