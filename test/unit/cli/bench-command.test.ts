import { describe, expect, it } from 'vitest';
import { benchText, summary } from '../../../services/cli/bench-command.ts';

const done = Array.from({ length: 20 }, (_, i) => ({
  ms: 1000 + i * 10,
  timings: { queued_ms: 1, encode_ms: 20, denoise_ms: 900 + i, decode_ms: 40, total_ms: 1000 },
}));

describe('command line — bench', () => {
  it('tells pictures a second by the clock, and latencies by rank', () => {
    const result = summary({ jobs: 20, atOnce: 2, firstMs: 3000, tookMs: 10_000, done });
    expect(result).toMatchObject({
      pictures_per_second: 2,
      latency_ms: { median: 1090, p95: 1180, least: 1000, most: 1190 },
      stages_ms: { queued_ms: 1, encode_ms: 20, denoise_ms: 909, decode_ms: 40 },
      first_ms: 3000,
    });
    expect(benchText(result)).toBe(`2.00 pictures a second: 20 jobs, 2 at a time; the first one before them took 3.00 s
latency  median 1.09 s, p95 1.18 s, 1.00 s … 1.19 s
medians  queue 0.00 s, text 0.02 s, denoise 0.91 s, decode 0.04 s`);
  });
});
