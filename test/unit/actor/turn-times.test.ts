import { describe, expect, it } from 'vitest';
import { Actor } from '#shared/actor/actor.ts';
import { RecentTimes, timed } from '#shared/actor/turn-times.ts';

describe('turn times', () => {
  it('are the median of the latest', () => {
    const times = new RecentTimes();
    expect(times.medianMs).toBeUndefined();
    for (const ms of [1, 9, 2]) times.add(ms);
    expect(times.medianMs).toBe(2);
    for (let i = 0; i < 100; i++) times.add(50);
    expect(times.medianMs).toBe(50);
  });

  it('are noted of turns that succeed', async () => {
    const times = new RecentTimes();
    const offer = new Actor(0).on(
      timed(times, async (state: number, request: 'fail' | 'work') => {
        if (request === 'fail') throw new TypeError('no');
        return { state: state + 1, reply: state };
      }),
    );
    const { signal } = new AbortController();
    await expect(offer('fail', signal)).rejects.toThrow('no');
    expect(times.medianMs).toBeUndefined();
    expect(await offer('work', signal)).toBe(0);
    expect(times.medianMs).toBeGreaterThan(0);
  });
});
