/** Who gets the next piece of work: where it is likely to be done first. Pure: heartbeats in, an instance out. */
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';

/** What a piece of work would like of its instance. */
export interface Wish {
  /** Names that should be resident: ControlNets, LoRA sets. */
  readonly holds?: readonly string[];
  /** Turns that it will take there, each behind what else is there; 1 when left out. A ControlNet's session takes one a step. */
  readonly turns?: number;
  /** Instances that already failed at this work. */
  readonly exclude?: ReadonlySet<string>;
}

/** Times that count where nobody has measured any yet, ms: waiting for a turn is worse than loading. */
const DEFAULTS: Times = { turnMs: 1000, loadMs: 500 };

interface Times {
  readonly turnMs: number;
  readonly loadMs: number;
}

/**
 * The instance with the lowest cost: the turns ahead of ours and the loading of what it lacks, both in ms as it measured
 * them. So work goes to who holds what it needs, unless waiting there takes longer than loading elsewhere. Full and leaving
 * ones are out; among equals the one that has been up longest, so that rare names gather instead of spreading. Affinity
 * never waits: whoever is free is chosen now.
 */
export function choose(candidates: Iterable<Heartbeat>, wish: Wish = {}): Heartbeat | undefined {
  const all = [...candidates];
  const free = all.filter((one) => !one.leaving && !wish.exclude?.has(one.instance) && one.load < one.capacity);
  const typical = typicalTimes(all);
  const ranked = free.map((one) => ({ one, costMs: costMs(one, wish, typical) }));
  ranked.sort((a, b) => a.costMs - b.costMs || a.one.started_unix_ms - b.one.started_unix_ms);
  return ranked[0]?.one;
}

/**
 * Time that a piece of work loses at an instance, ms.
 *
 * typical   stands in for what the instance has not measured
 */
export function costMs(candidate: Heartbeat, { holds = [], turns = 1 }: Wish, typical: Times = DEFAULTS): number {
  const { load, turn_ms: turnMs = typical.turnMs, load_ms: loadMs = typical.loadMs } = candidate;
  const absent = holds.filter((name) => !candidate.holds.includes(name));
  // What is pushed out will be asked for again, and loaded then.
  const loads = absent.length * (hasRoom(candidate) ? 1 : 2);
  return load * turnMs * turns + loads * loadMs;
}

/** What others of the role measured: a newcomer looks no cheaper than they are. */
function typicalTimes(all: readonly Heartbeat[]): Times {
  return {
    turnMs: median(all.flatMap(({ turn_ms: ms }) => ms ?? [])) ?? DEFAULTS.turnMs,
    loadMs: median(all.flatMap(({ load_ms: ms }) => ms ?? [])) ?? DEFAULTS.loadMs,
  };
}

/** Whether one more of the mean size of what it holds would fit; an empty one has room for something. */
function hasRoom({ holds, resident_bytes: residentBytes, budget_bytes: budgetBytes }: Heartbeat): boolean {
  if (residentBytes === undefined || budgetBytes === undefined || holds.length === 0) return true;
  return residentBytes + residentBytes / holds.length <= budgetBytes;
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
