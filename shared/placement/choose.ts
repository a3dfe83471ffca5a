/** Who gets the next piece of work. Pure: heartbeats in, an instance out. */
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';

/** What a piece of work would like of its instance. */
export interface Wish {
  /** Names that should be resident: ControlNets, LoRA sets. */
  readonly holds?: readonly string[];
  /** Instances that already failed at this work. */
  readonly exclude?: ReadonlySet<string>;
}

/**
 * What loading one absent name counts for, in turns. Less than one: a free instance that has to load is better than a busy
 * one that holds the name, since a denoiser's turn is a whole job and a ControlNet's session lasts as long as one.
 */
const LOAD_COST_TURNS = 0.5;

/**
 * The instance with the lowest cost: turns ahead of us, plus what would have to be loaded. Full and leaving ones are out;
 * among equals the one that has been up longest, so that rare names gather instead of spreading.
 */
export function choose(candidates: Iterable<Heartbeat>, wish: Wish = {}): Heartbeat | undefined {
  const free = [...candidates].filter(
    (one) => !one.leaving && !wish.exclude?.has(one.instance) && one.load < one.capacity,
  );
  const ranked = free.map((one) => ({ one, cost: cost(one, wish) }));
  ranked.sort((a, b) => a.cost - b.cost || a.one.started_unix_ms - b.one.started_unix_ms);
  return ranked[0]?.one;
}

function cost(candidate: Heartbeat, wish: Wish): number {
  const absent = (wish.holds ?? []).filter((name) => !candidate.holds.includes(name));
  return candidate.load + absent.length * LOAD_COST_TURNS;
}
