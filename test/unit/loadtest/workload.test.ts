import { describe, expect, it } from 'vitest';
import { poissonArrivals } from '../../../loadtest/workload/arrivals.ts';
import { fixedPicture, parseKind } from '../../../loadtest/workload/fixed-picture.ts';
import { drawPicture, drawRank, PUBLISHED } from '../../../loadtest/workload/published-traffic.ts';
import { seededRandom } from '../../../loadtest/workload/random.ts';

const DRAWS = 20_000;
/** Four standard deviations of a share of half. */
const TOLERANCE = 4 * Math.sqrt(0.25 / DRAWS);

describe.each(['A', 'B'] as const)('load test — traffic of service %s', (name) => {
  const traffic = PUBLISHED[name];

  it('has as many adapters as published', () => {
    const random = seededRandom(1);
    const pictures = Array.from({ length: DRAWS }, () => drawPicture(random, traffic));
    for (const [kind, counts] of [
      ['controlnets', traffic.controlnetCounts],
      ['loras', traffic.loraCounts],
    ] as const) {
      counts.forEach((share, count) => {
        const seen = pictures.filter((picture) => picture[kind].length === count).length / DRAWS;
        expect(Math.abs(seen - share), `${count} ${kind}`).toBeLessThan(TOLERANCE);
      });
    }
  });

  it('means the most popular ones as often as published', () => {
    const random = seededRandom(2);
    for (const popularity of [traffic.controlnetPopularity, traffic.loraPopularity]) {
      const ranks = Array.from({ length: DRAWS }, () => drawRank(random, popularity));
      expect(Math.max(...ranks)).toBeLessThan(popularity.at(-1)![0]);
      for (const [count, share] of popularity) {
        const seen = ranks.filter((rank) => rank < count).length / DRAWS;
        expect(Math.abs(seen - share), `the first ${count}`).toBeLessThan(TOLERANCE);
      }
    }
  });

  it('never names one adapter twice in a request', () => {
    const random = seededRandom(3);
    for (let i = 0; i < 1000; i++) {
      const { controlnets, loras } = drawPicture(random, traffic);
      expect(new Set([...controlnets, ...loras]).size).toBe(controlnets.length + loras.length);
    }
  });
});

describe('load test — arrivals', () => {
  it('come at the mean rate, with gaps as random as their mean', () => {
    const arrivals = poissonArrivals(seededRandom(4), { ratePerS: 5, count: DRAWS });
    const gaps = arrivals.map((time, i) => time - (arrivals[i - 1] ?? 0));
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / DRAWS;
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / DRAWS);
    expect(mean / 200).toBeCloseTo(1, 1);
    expect(deviation / mean).toBeCloseTo(1, 1);
  });

  it('are the same for the same seed', () => {
    const draw = () => poissonArrivals(seededRandom(7), { ratePerS: 1, count: 5 });
    expect(draw()).toEqual(draw());
  });
});

describe('load test — pictures of one kind', () => {
  it('have the same ControlNets, and LoRAs of their own', () => {
    const kind = parseKind('2C2L');
    expect([fixedPicture(kind, 0), fixedPicture(kind, 1)]).toEqual([
      { controlnets: ['control-0', 'control-1'], loras: ['style-0', 'style-1'] },
      { controlnets: ['control-0', 'control-1'], loras: ['style-2', 'style-3'] },
    ]);
  });

  it('are named in one way', () => {
    expect(() => parseKind('3L2C')).toThrow('3C2L');
  });
});
