/**
 * Sends requests at moments fixed beforehand, however busy the system is, and measures from those moments: a request that could
 * not leave in time has waited, too (no coordinated omission). All times are simulated.
 */
import { usageBetween } from './closed-loop.ts';
import type { ServingSystem, Usage } from './systems/system.ts';
import type { Picture } from './workload/published-traffic.ts';

/** A request and when it is to be sent, ms from the start. */
export interface Scheduled {
  readonly atMs: number;
  readonly picture: Picture;
}

/** What was seen of one request, ms from the start. */
export interface Observation {
  readonly atMs: number;
  readonly endedMs: number;
  readonly error?: string;
}

/** A run, without its warm-up. */
export interface LoadRun {
  readonly latenciesMs: readonly number[];
  readonly errors: readonly string[];
  /** From the first counted request's moment to the last counted end. */
  readonly spanMs: number;
  /** What the devices did in the whole run, warm-up included. */
  readonly usage: Usage;
  readonly wholeMs: number;
  readonly pictures: number;
}

/**
 * @param warmUp requests at the beginning that are sent but not counted
 */
export async function runOpenLoop(
  system: ServingSystem & { settle?(): Promise<void> },
  schedule: readonly Scheduled[],
  warmUp: number,
): Promise<LoadRun> {
  const { clock } = system;
  const before = system.usage();
  const startMs = clock.now();
  const observed = await Promise.all(schedule.map((one) => observe(system, one, startMs)));
  await system.settle?.();
  const counted = observed.slice(warmUp);
  const done = counted.filter(({ error }) => error === undefined);
  return {
    latenciesMs: done.map(({ atMs, endedMs }) => endedMs - atMs),
    errors: counted.flatMap(({ error }) => error ?? []),
    spanMs: Math.max(...counted.map(({ endedMs }) => endedMs)) - counted[0]!.atMs,
    usage: usageBetween(before, system.usage()),
    wholeMs: Math.max(...observed.map(({ endedMs }) => endedMs)) - observed[0]!.atMs,
    pictures: observed.length,
  };
}

async function observe(system: ServingSystem, { atMs, picture }: Scheduled, startMs: number): Promise<Observation> {
  const { clock } = system;
  await clock.until(startMs + atMs);
  try {
    await system.serve(picture);
    return { atMs, endedMs: clock.now() - startMs };
  } catch (thrown) {
    return { atMs, endedMs: clock.now() - startMs, error: (thrown as Error).message };
  }
}
