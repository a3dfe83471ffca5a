import { describe, expect, it } from 'vitest';
import type { Heartbeat } from '#shared/contracts/heartbeat.ts';
import { createMersenneTwister } from '#shared/diffusion/mersenne-twister.ts';
import { choose, costMs } from '#shared/placement/choose.ts';
import { heartbeat } from './heartbeats.ts';

const STEP = { turn_ms: 100, load_ms: 1500 };
/** Turns of a session. */
const TURNS = 20;

/** Instances that load what they are asked for, as heartbeats would tell it. */
class SmallFleet {
  readonly instances: Heartbeat[];

  constructor(count: number) {
    this.instances = Array.from({ length: count }, (_, i) =>
      heartbeat(`i${i}`, { ...STEP, capacity: 100, started_unix_ms: i }),
    );
  }

  /** A session begins. @returns the way to end it */
  open(name: string): () => void {
    const chosen = choose(this.instances, { holds: [name], turns: TURNS })!;
    this.#update(chosen.instance, (one) => ({ load: one.load + 1, holds: [...new Set([...one.holds, name])] }));
    return () => this.#update(chosen.instance, (one) => ({ load: one.load - 1 }));
  }

  holders(name: string): number {
    return this.instances.filter(({ holds }) => holds.includes(name)).length;
  }

  get loads(): number[] {
    return this.instances.map(({ load }) => load);
  }

  #update(instance: string, change: (one: Heartbeat) => Partial<Heartbeat>): void {
    const at = this.instances.findIndex((one) => one.instance === instance);
    this.instances[at] = { ...this.instances[at]!, ...change(this.instances[at]!) };
  }
}

describe('placement — ControlNets over instances', () => {
  it('demand spreads a popular one, as far as there are instances', () => {
    const fleet = new SmallFleet(4);
    for (let i = 0; i < 8; i++) fleet.open('canny');
    expect([fleet.holders('canny'), fleet.loads]).toEqual([4, [2, 2, 2, 2]]);
  });

  it('one session after the other stays where it is resident', () => {
    const fleet = new SmallFleet(4);
    for (let i = 0; i < 20; i++) fleet.open('canny')();
    expect(fleet.holders('canny')).toBe(1);
  });

  it('rare ones gather on one instance', () => {
    const fleet = new SmallFleet(4);
    for (const name of ['canny', 'depth', 'pose', 'canny', 'depth']) fleet.open(name)();
    expect(fleet.instances.map(({ holds }) => holds.length)).toEqual([3, 0, 0, 0]);
  });

  it('under any traffic: nobody waits behind others for longer than loading beside an idle one takes', () => {
    const { uniform24: random } = createMersenneTwister(3);
    for (let round = 0; round < 50; round++) {
      const fleet = new SmallFleet(1 + Math.floor(random() * 5));
      const open: (() => void)[] = [];
      for (let i = 0; i < 40; i++) {
        const name = ['canny', 'canny', 'canny', 'depth', 'pose'][Math.floor(random() * 5)]!;
        const before = fleet.instances;
        const idle = before.some(({ load }) => load === 0);
        const chosen = choose(before, { holds: [name], turns: TURNS })!;
        if (idle) expect(chosen.load * STEP.turn_ms * TURNS).toBeLessThanOrEqual(STEP.load_ms);
        open.push(fleet.open(name));
        if (random() < 0.5) open.splice(Math.floor(random() * open.length), 1)[0]!();
      }
    }
  });

  it('whatever the heartbeats say, the chosen one has the lowest cost of those that are free, and more load never attracts', () => {
    const { uniform24: random } = createMersenneTwister(7);
    for (let round = 0; round < 500; round++) {
      const all = Array.from({ length: 5 }, (_, i) =>
        heartbeat(`i${i}`, {
          load: Math.floor(random() * 4),
          capacity: 4,
          turn_ms: random() * 1000,
          load_ms: random() * 5000,
          holds: random() < 0.4 ? ['canny'] : [],
        }),
      );
      const wish = { holds: ['canny'], turns: 1 + Math.floor(random() * 30) };
      const chosen = choose(all, wish)!;
      const free = all.filter(({ load, capacity }) => load < capacity);
      expect(costMs(chosen, wish)).toBe(Math.min(...free.map((one) => costMs(one, wish))));
      const others = all.filter((one) => one !== chosen);
      const busier = { ...others[0]!, load: others[0]!.load + 1 };
      expect(choose([chosen, busier, ...others.slice(1)], wish)).toBe(chosen);
    }
  });
});
