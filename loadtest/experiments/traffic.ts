/** The published traffic, drawn once for an experiment so that every system is asked for the same pictures at the same moments of its load. */
import type { LoadRun, Scheduled } from '../open-loop.ts';
import { poissonArrivals } from '../workload/arrivals.ts';
import { drawPicture, type Picture, PUBLISHED } from '../workload/published-traffic.ts';
import { seededRandom } from '../workload/random.ts';
import type { LoadOptions } from './experiment.ts';

/** A part of the requests that is sent first and not counted. */
const WARM_UP_SHARE = 0.2;

/** Pictures of one run, and how many of them only warm up. */
export interface TrafficPlan {
  readonly pictures: readonly Picture[];
  readonly warmUp: number;
}

export function planTraffic({ seed, traffic, pictures }: LoadOptions, counted = pictures): TrafficPlan {
  const random = seededRandom(seed);
  const warmUp = Math.ceil(counted * WARM_UP_SHARE);
  return { pictures: Array.from({ length: warmUp + counted }, () => drawPicture(random, PUBLISHED[traffic])), warmUp };
}

/** The plan at a mean rate. */
export function schedule({ pictures }: TrafficPlan, ratePerS: number, seed: number): Scheduled[] {
  const arrivals = poissonArrivals(seededRandom(seed + 1), { ratePerS, count: pictures.length });
  return pictures.map((picture, i) => ({ atMs: arrivals[i]!, picture }));
}

/** Pictures a simulated second, over the counted part. */
export function throughput({ latenciesMs, spanMs }: LoadRun): number {
  return (latenciesMs.length / spanMs) * 1000;
}

/** Part of the time in which the ControlNet devices worked. */
export function controlnetUtilisation({ usage, wholeMs }: LoadRun): number {
  const { devices, busyMs } = usage.controlnet;
  return devices === 0 ? 0 : busyMs / devices / wholeMs;
}

/** Time of devices for each picture, s. */
export function deviceSeconds({ usage, pictures }: LoadRun): number {
  return (usage.base.busyMs + usage.controlnet.busyMs + usage.other.busyMs) / pictures / 1000;
}
