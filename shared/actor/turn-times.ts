/** How long things took lately: what an instance tells of itself, so that placement can weigh waiting against loading. */
import type { Behaviour } from './actor.ts';

/** Enough for a steady median, few enough to follow a change of load. */
const REMEMBERED = 32;

/** See the head of this file. */
export class RecentTimes {
  /** ms, the latest last. */
  readonly #times: number[] = [];

  add(durationMs: number): void {
    this.#times.push(durationMs);
    if (this.#times.length > REMEMBERED) this.#times.shift();
  }

  /** Of the latest ones, ms; undefined before the first. */
  get medianMs(): number | undefined {
    return this.#times.toSorted((a, b) => a - b)[Math.floor(this.#times.length / 2)];
  }

  /** Runs work and notes its time, if it succeeds: a failure may come at once. */
  async measure<T>(work: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    const value = await work();
    this.add(performance.now() - startedMs);
    return value;
  }
}

/** The same turn, its time noted. */
export function timed<State, Request, Reply>(
  times: RecentTimes,
  behaviour: Behaviour<State, Request, Reply>,
): Behaviour<State, Request, Reply> {
  return (state, request, signal) => times.measure(() => behaviour(state, request, signal));
}
