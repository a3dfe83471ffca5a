import { describe, expect, it } from 'vitest';
import { runClosedLoop } from '../../../loadtest/closed-loop.ts';
import { LatencyHistogram } from '../../../loadtest/latency-histogram.ts';
import { runOpenLoop } from '../../../loadtest/open-loop.ts';
import { Pool } from '../../../loadtest/systems/pool.ts';
import type { ServingSystem, Usage } from '../../../loadtest/systems/system.ts';
import { VirtualClock } from '../../../loadtest/virtual-clock.ts';

const PLAIN = { controlnets: [], loras: [] };
const SERVICE_MS = 100;

/** One server that takes 100 ms, or refuses. */
class OneServer implements ServingSystem {
  readonly name = 'one';
  readonly device = 'simulated:none';
  readonly clock = new VirtualClock();
  readonly #server = new Pool([0]);
  readonly #refusesFrom: number;
  #served = 0;

  constructor(refusesFrom = Number.POSITIVE_INFINITY) {
    this.#refusesFrom = refusesFrom;
  }

  serve(): Promise<void> {
    return this.#server.use(async () => {
      await this.clock.until(this.clock.now() + SERVICE_MS);
      if (this.#served >= this.#refusesFrom) throw new Error('no more');
      this.#served++;
    });
  }

  usage(): Usage {
    const none = { devices: 0, busyMs: 0 };
    return { base: { devices: 1, busyMs: this.#served * SERVICE_MS }, controlnet: none, other: none };
  }
}

describe('load test — open loop', () => {
  it('sends whatever the system does, and counts the wait before it could begin', async () => {
    const system = new OneServer();
    const schedule = [0, 10, 20, 500].map((atMs) => ({ atMs, picture: PLAIN }));
    const seen = await system.clock.run(runOpenLoop(system, schedule, 0));
    // The second was to be sent at 10 and is done at 200; a loop that waits for answers would have seen 100.
    expect(seen.latenciesMs).toEqual([100, 190, 280, 100]);
    expect([seen.spanMs, seen.usage.base.busyMs]).toEqual([600, 400]);
  });

  it('leaves the warm-up out, and tells failures apart', async () => {
    const system = new OneServer(2);
    const schedule = [0, 200, 400].map((atMs) => ({ atMs, picture: PLAIN }));
    const { latenciesMs, errors } = await system.clock.run(runOpenLoop(system, schedule, 1));
    expect([latenciesMs, errors]).toEqual([[100], ['no more']]);
  });
});

describe('load test — closed loop', () => {
  it('sends the next when the last is there, and measures behind the first ones', async () => {
    const system = new OneServer();
    const pictures = Array.from({ length: 5 }, () => PLAIN);
    const seen = await system.clock.run(runClosedLoop(system, pictures, { clients: 2, skip: 2 }));
    expect(seen.latenciesMs).toEqual([100, 200, 200, 200, 200]);
    expect([seen.pictures, seen.spanMs]).toEqual([3, 300]);
  });

  it('says how much is done while all clients are busy', async () => {
    const system = new OneServer();
    const pictures = Array.from({ length: 9 }, () => PLAIN);
    expect((await system.clock.run(runClosedLoop(system, pictures, { clients: 3, skip: 3 }))).perS).toBe(10);
  });
});

describe('load test — virtual clock', () => {
  it('says so when nothing will ever go on', async () => {
    await expect(new VirtualClock().run(new Promise(() => {}))).rejects.toThrow('no time will bring');
  });
});

describe('load test — histogram', () => {
  it('gives percentiles to three digits', () => {
    const histogram = LatencyHistogram.of(Array.from({ length: 1000 }, (_, i) => i + 1));
    for (const percent of [50, 90, 99, 99.9]) {
      expect(Math.abs(histogram.percentileMs(percent) / (percent * 10) - 1)).toBeLessThan(1e-3);
    }
    expect([histogram.count, Math.round(histogram.meanMs)]).toEqual([1000, 501]);
  });
});
