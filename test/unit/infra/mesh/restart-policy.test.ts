import { describe, expect, it } from 'vitest';
import { RestartPolicy } from '#infra/mesh/restart-policy.ts';

/** Delays after crashes at the given times, ms. */
const delays = (crashesMs: readonly number[]) => {
  const policy = new RestartPolicy();
  return crashesMs.map((timeMs) => policy.crashed(timeMs));
};

describe('restart policy', () => {
  it('restarts at once after a first crash, then waits longer each time', () => {
    expect(delays([0, 1_000, 2_000, 3_000, 4_000])).toEqual([0, 200, 400, 800, 1_600]);
  });

  it('gives up at the sixth crash within 30 s', () => {
    expect(delays([0, 1_000, 2_000, 3_000, 4_000, 30_000]).at(-1)).toBe('give-up');
  });

  it('never waits longer than 5 s', () => {
    const everyTwentySeconds = Array.from({ length: 12 }, (_, index) => index * 20_000);
    expect(delays(everyTwentySeconds).at(-1)).toBe(5_000);
  });

  it('forgets crashes after 30 s without one', () => {
    expect(delays([0, 1_000, 2_000, 33_000, 34_000])).toEqual([0, 200, 400, 0, 200]);
  });
});
