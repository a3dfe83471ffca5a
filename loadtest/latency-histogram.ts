/** Latencies as a histogram of constant relative precision: percentiles to three digits, however many were recorded. */
import { build, type Histogram } from 'hdr-histogram-js';

const DIGITS = 3;
/** An hour, µs. */
const LARGEST_US = 3600 * 1e6;

/** See the head of this file. */
export class LatencyHistogram {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LARGEST_US,
    numberOfSignificantValueDigits: DIGITS,
    useWebAssembly: false,
  });

  static of(latenciesMs: Iterable<number>): LatencyHistogram {
    const histogram = new LatencyHistogram();
    for (const ms of latenciesMs) histogram.record(ms);
    return histogram;
  }

  record(ms: number): void {
    this.#histogram.recordValue(Math.max(1, Math.round(ms * 1000)));
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  get meanMs(): number {
    return this.#histogram.mean / 1000;
  }

  /** The latency, ms, that this many of hundred do not exceed. */
  percentileMs(percent: number): number {
    return this.#histogram.getValueAtPercentile(percent) / 1000;
  }
}
