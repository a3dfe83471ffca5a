/** Settings that change the picture for speed, and what each leaves of the denoising's time, by the times of single calls. */
import type { DeepCache, GenerateInput } from '#shared/contracts/generate.ts';
import { wholeCalls } from '../services/denoiser/feature-reuse.ts';
import { FAST } from '../services/gateway/deep-cache.ts';

/** Steps of every job here. */
export const STEPS = 20;
/** Batch of a call with guidance. */
export const GUIDED = 2;

/** A way to spend less. */
export interface Lever {
  readonly label: string;
  readonly request: Partial<GenerateInput>;
  readonly deepCache?: DeepCache;
  /** Share of the steps with guidance; left out: 1. */
  readonly guided?: number;
  /** Steps that one answer of the ControlNet is for; without it there is none. */
  readonly controlnetEvery?: number;
}

type Window = readonly [start: number, end: number];

function deepCache(cache_interval: number, cache_branch_id: number, [cache_start, cache_end]: Window = [0, 1]): Lever {
  const cache = { cache_interval, cache_branch_id, cache_start, cache_end };
  const window = cache_start > 0 || cache_end < 1 ? `, ${cache_start} to ${cache_end}` : '';
  return {
    label: `deep_cache ${cache_interval}, branch ${cache_branch_id}${window}`,
    request: { deep_cache: cache },
    deepCache: cache,
  };
}

function controlnetEvery(n: number): Lever {
  return { label: `controlnet_every ${n}`, request: { controlnet_every: n }, controlnetEvery: n };
}

const untilSeventy = { label: 'guidance in the first 70 %', request: { guidance_end: 0.7 }, guided: 0.7 };

/** What `preset: "fast"` does. */
export const FAST_LEVER: Lever = { label: 'preset fast', request: { preset: 'fast' }, deepCache: FAST };

/** All that are measured. */
export const LEVERS: readonly Lever[] = [
  FAST_LEVER,
  deepCache(2, 0),
  deepCache(3, 0),
  deepCache(5, 0),
  deepCache(2, 0, [0.1, 1]),
  deepCache(3, 0, [0.1, 1]),
  deepCache(3, 0, [0.3, 1]),
  deepCache(4, 0, [0.2, 1]),
  deepCache(5, 0, [0.2, 1]),
  deepCache(3, 1),
  deepCache(3, 1, [0.2, 1]),
  untilSeventy,
  {
    ...FAST_LEVER,
    ...untilSeventy,
    request: { preset: 'fast', guidance_end: 0.7 },
    label: 'fast, and guidance in the first 70 %',
  },
  controlnetEvery(2),
  controlnetEvery(3),
  controlnetEvery(5),
];

/** Milliseconds of one call; shallow ones by their layers. A ControlNet's step is a copy of the UNet's way down. */
export interface CallTimes {
  readonly down: number;
  readonly whole: number;
  readonly shallow: ReadonlyMap<number, number>;
}

/** By the batch: with guidance, and without. */
export type TimesByBatch = ReadonlyMap<number, CallTimes>;

/** Time of the exact steps over that with the lever, all of it on one device. */
export function gainOf({ deepCache: cache, guided = 1, controlnetEvery: every }: Lever, times: TimesByBatch): number {
  const isWhole = cache ? wholeCalls(cache, STEPS) : [];
  const of = (step: number): CallTimes => times.get(step < STEPS * guided ? GUIDED : 1)!;
  const controlMs = (step: number): number => (every !== undefined && step % every === 0 ? of(step).down : 0);
  let spentMs = 0;
  for (let step = 0; step < STEPS; step++) {
    const { whole, shallow } = of(step);
    // Where guidance ends, another model begins, with a whole call of its own.
    const isShallow = cache && !isWhole[step] && of(step) === of(step - 1);
    spentMs += controlMs(step) + (isShallow ? shallow.get(cache.cache_branch_id + 1)! : whole);
  }
  const exact = times.get(GUIDED)!;
  return (STEPS * (exact.whole + (every === undefined ? 0 : exact.down))) / spentMs;
}
