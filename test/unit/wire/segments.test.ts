import { describe, expect, it } from 'vitest';
import { join, SegmentReader, segmentsByteLength } from '#shared/wire/segments.ts';

const PARTS = [new Uint8Array([0, 1, 2]), new Uint8Array([3]), new Uint8Array(0), new Uint8Array([4, 5, 6, 7])];

describe('wire segments — reading', () => {
  it('joins in order', () => {
    expect([...join(PARTS)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(segmentsByteLength(PARTS)).toBe(8);
  });

  it('reads every range as if joined', () => {
    const whole = join(PARTS);
    const reader = new SegmentReader(PARTS);
    for (let from = 0; from <= 8; from++) {
      for (let to = from; to <= 8; to++) {
        const target = new Uint8Array(to - from);
        reader.read(from, target);
        expect([...target]).toEqual([...whole.subarray(from, to)]);
      }
    }
  });
});
