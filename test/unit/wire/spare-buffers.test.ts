import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { giveBuffer, spareBytes, takeBytes } from '#shared/wire/spare-buffers.ts';

const MIB = 2 ** 20;

describe('spare buffers — used again', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.advanceTimersByTime(60_000);
    vi.useRealTimers();
  });

  it('gives a buffer for the next message of about its length, once (S1)', () => {
    const first = takeBytes(3 * MIB + 5);
    expect(first.byteLength).toBe(3 * MIB + 5);
    giveBuffer(first.buffer);
    giveBuffer(first.buffer);
    const second = takeBytes(3 * MIB + 900);
    const third = takeBytes(3 * MIB + 900);
    expect(second.buffer).toBe(first.buffer);
    expect(second.byteLength).toBe(3 * MIB + 900);
    expect(third.buffer).not.toBe(first.buffer);
  });

  it('leaves small ones, shared ones and those of other lengths alone', () => {
    giveBuffer(takeBytes(1000).buffer);
    giveBuffer(new SharedArrayBuffer(2 * MIB));
    expect(spareBytes()).toBe(0);
    const two = takeBytes(2 * MIB);
    giveBuffer(two.buffer);
    expect(takeBytes(4 * MIB).buffer).not.toBe(two.buffer);
  });

  it('holds a bounded number of bytes, the newest (S2)', () => {
    const all = Array.from({ length: 6 }, () => takeBytes(100 * MIB));
    for (const { buffer } of all) giveBuffer(buffer);
    expect(spareBytes()).toBe(200 * MIB);
    expect(takeBytes(100 * MIB).buffer).toBe(all[5]!.buffer);
    expect(takeBytes(100 * MIB).buffer).toBe(all[4]!.buffer);
  });

  it('gives memory back that nobody asks for', () => {
    giveBuffer(takeBytes(2 * MIB).buffer);
    vi.advanceTimersByTime(15_000);
    expect(spareBytes()).toBe(0);
  });
});
