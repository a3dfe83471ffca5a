import { describe, expect, it } from 'vitest';
import { type JobLane, laneCalled, laneName, laneOf, PRIORITIES } from '#shared/bus/job-lanes.ts';
import { afterTaking, chooseLane, type JobTurns, NO_TURNS } from '#shared/bus/job-turns.ts';
import { Random } from '#test/fuzz.ts';

const lane = (name: string): JobLane => laneCalled(name)!;
const waiting = (...names: string[]): JobLane[] => names.map(lane);

/** The lanes of `count` jobs, all of `names` having enough of them. */
function take(count: number, names: readonly string[], turns: JobTurns = NO_TURNS): string[] {
  if (count === 0) return [];
  const lanes = waiting(...names);
  const taken = chooseLane(turns, lanes)!;
  return [laneName(taken), ...take(count - 1, names, afterTaking(turns, taken, lanes))];
}

describe('job turns — who is next', () => {
  it('nobody, when nothing waits', () => expect(chooseLane(NO_TURNS, [])).toBeUndefined());

  it('the higher class', () => {
    expect(take(1, ['low-0', 'high-3', 'normal-0'])).toEqual(['high-3']);
    expect(take(1, ['low-0', 'normal-7'])).toEqual(['normal-7']);
  });

  it('within a class the client whose turn is longest ago', () => {
    expect(take(5, ['normal-2', 'normal-9', 'normal-4'])).toEqual([
      'normal-2',
      'normal-4',
      'normal-9',
      'normal-2',
      'normal-4',
    ]);
  });

  it('a class that was passed over eight times', () => {
    expect(take(9, ['high-0', 'low-0']).indexOf('low-0')).toBe(8);
    expect(take(10, ['high-0', 'normal-0', 'low-0']).slice(7)).toEqual(['high-0', 'low-0', 'normal-0']);
  });

  it('counts only while the class waits', () => {
    const high = lane('high-0');
    const before = Array.from({ length: 8 }).reduce<JobTurns>((turns) => afterTaking(turns, high, [high]), NO_TURNS);
    expect(take(1, ['high-0', 'low-0'], before)).toEqual(['high-0']);
  });
});

describe('job turns — nobody starves', () => {
  const seeds = Array.from({ length: 40 }, (_, seed) => seed);

  it.each(seeds)('load %i: a class waits for nine jobs at most, a lane for one of each other', (seed) => {
    const load = new RandomLoad(seed);
    let turns = NO_TURNS;
    for (let i = 0; i < 2000; i++) {
      load.arrive();
      const present = load.present();
      const taken = chooseLane(turns, present);
      if (!taken) continue;
      turns = afterTaking(turns, taken, present);
      load.serve(taken);
      expect(load.longestOfClass).toBeLessThanOrEqual(9);
      expect(load.longestOfLane).toBeLessThanOrEqual(16);
    }
    expect(turns.taken).toBeGreaterThan(0);
  });
});

/** Jobs as they come, in all lanes or few, more or fewer than are taken. */
class RandomLoad {
  readonly #random: Random;
  readonly #chance: number;
  readonly #lanes: number;
  readonly #jobs = new Map<string, number>();
  /** For each class that waits, jobs of others meanwhile; for each lane, jobs of others of its class. */
  #passes = new Map<string, number>();
  longestOfClass = 0;
  longestOfLane = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#chance = this.#random.next();
    this.#lanes = 1 + this.#random.below(17);
  }

  present(): JobLane[] {
    return [...this.#jobs.keys()].map(lane);
  }

  arrive(): void {
    for (const priority of PRIORITIES) {
      const name = `${priority}-${this.#random.below(this.#lanes)}`;
      if (this.#random.next() < this.#chance) this.#jobs.set(name, (this.#jobs.get(name) ?? 0) + 1);
    }
  }

  serve(taken: JobLane): void {
    const passed = this.present().flatMap((one) => {
      if (one.priority !== taken.priority) return [one.priority, ...this.#kept(one)];
      return one.number === taken.number ? [] : [laneName(one)];
    });
    const counted = [...new Set(passed)].map((who) => [who, this.#count(who, taken)] as const);
    this.#passes = new Map(counted);
    for (const [who, count] of counted) {
      if (who.includes('-')) this.longestOfLane = Math.max(this.longestOfLane, count);
      else this.longestOfClass = Math.max(this.longestOfClass, count);
    }
    const left = this.#jobs.get(laneName(taken))! - 1;
    if (left > 0) this.#jobs.set(laneName(taken), left);
    else this.#jobs.delete(laneName(taken));
  }

  /** A lane waits on while another class is served. */
  #kept(one: JobLane): string[] {
    return this.#passes.has(laneName(one)) ? [laneName(one)] : [];
  }

  #count(who: string, taken: JobLane): number {
    const before = this.#passes.get(who) ?? 0;
    const isOtherClass = who.includes('-') && lane(who).priority !== taken.priority;
    return isOtherClass ? before : before + 1;
  }
}

describe('job lanes', () => {
  it('are the same for the same client everywhere, and few', () => {
    expect(laneOf('low', 'Ann')).toEqual({ priority: 'low', number: 8 });
    const numbers = new Set(Array.from({ length: 1000 }, (_, i) => laneOf('high', `client ${i}`).number));
    expect([...numbers].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
  });

  it('keep one for those without a name', () => expect(laneOf('normal', undefined).number).toBe(0));

  it('are known by their names, and nothing else is', () => {
    expect(laneCalled(laneName(laneOf('low', 'Ann')))).toEqual(laneOf('low', 'Ann'));
    expect(['workers', 'urgent-1', 'low-', 'low-1-2'].map(laneCalled)).toEqual(Array(4).fill(undefined));
  });
});
