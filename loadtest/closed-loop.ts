/** A number of clients that each send the next request when the last one is answered: for how fast a system is alone, and how much it can do at most. */
import type { ServingSystem, Usage } from './systems/system.ts';
import type { Picture } from './workload/published-traffic.ts';

/** What was seen, in simulated ms. */
export interface ClosedRun {
  /** In the order in which they were sent. */
  readonly latenciesMs: readonly number[];
  /** From the end of the first `skip` pictures to the end of the last one. */
  readonly spanMs: number;
  readonly pictures: number;
  /** Pictures a second while all clients were busy. */
  readonly perS: number;
  /** Devices over the whole run. */
  readonly usage: Usage;
}

/** How a closed loop is run. */
export interface ClosedLoopOptions {
  readonly clients: number;
  /** Pictures at the beginning that the span leaves out: at least one for each client, so that all are busy in it. */
  readonly skip: number;
  /** Time that a client waits before it sends the next, ms. */
  readonly thinkMs?: number;
}

/** See the head of this file. */
export async function runClosedLoop(
  system: ServingSystem & { settle?(): Promise<void> },
  pictures: readonly Picture[],
  { clients, skip, thinkMs = 0 }: ClosedLoopOptions,
): Promise<ClosedRun> {
  const { clock } = system;
  const before = system.usage();
  const latenciesMs: number[] = [];
  const endsMs: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    for (let nth = next++; nth < pictures.length; nth = next++) {
      const startMs = clock.now();
      await system.serve(pictures[nth]!);
      latenciesMs[nth] = clock.now() - startMs;
      endsMs.push(clock.now());
      if (thinkMs > 0) await clock.until(clock.now() + thinkMs);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  await system.settle?.();
  const counted = endsMs.slice(skip - 1);
  return {
    latenciesMs,
    spanMs: counted.at(-1)! - counted[0]!,
    pictures: counted.length - 1,
    perS: perSecond(latenciesMs, clients, thinkMs),
    usage: usageBetween(before, system.usage()),
  };
}

/**
 * Little's law: clients over the mean time from one request to the next. First and last requests of each client are left out:
 * while they begin or end there is less to do. Counting ends in a span would depend on how many come at once at its borders.
 */
function perSecond(latenciesMs: readonly number[], clients: number, thinkMs: number): number {
  const inner = latenciesMs.length >= 3 * clients ? latenciesMs.slice(clients, -clients) : latenciesMs;
  const meanMs = inner.reduce((sum, ms) => sum + ms, 0) / inner.length;
  return (clients * 1000) / (meanMs + thinkMs);
}

/** What the devices did between two looks. */
export function usageBetween(before: Usage, after: Usage): Usage {
  const of = (kind: keyof Usage) => ({
    devices: after[kind].devices,
    busyMs: after[kind].busyMs - before[kind].busyMs,
  });
  return { base: of('base'), controlnet: of('controlnet'), other: of('other') };
}
