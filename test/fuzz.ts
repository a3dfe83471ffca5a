/** Random input that can be had again: what fails tells its seed, `FUZZ_SEED=… npx vitest run …` repeats it. */
import { MeshError } from '#shared/errors/errors.ts';

/** A generator of random choices, the same for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 0 ≤ x < 1. Source: mulberry32, https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** 0 ≤ n < `below`. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** Bytes with a few of them cut off, changed, doubled or inserted. */
  damage(bytes: Uint8Array): Uint8Array {
    let out = Buffer.from(bytes.subarray(0, this.next() < 0.2 ? this.below(bytes.length + 1) : bytes.length));
    for (let i = 1 + this.below(4); i > 0; i--) {
      const at = this.below(out.length + 1);
      const change = this.pick(['flip', 'insert', 'remove', 'repeat'] as const);
      if (change === 'flip' && at < out.length) out[at] = this.below(256);
      if (change === 'insert') out = Buffer.concat([out.subarray(0, at), Buffer.of(this.below(256)), out.subarray(at)]);
      if (change === 'remove') out = Buffer.concat([out.subarray(0, at), out.subarray(at + 1 + this.below(8))]);
      if (change === 'repeat')
        out = Buffer.concat([out.subarray(0, at), out.subarray(Math.max(0, at - this.below(40)))]);
    }
    return out;
  }

  /** A value as JSON may hold it, and as nobody expects it. */
  value(depth = 2): unknown {
    const kind = this.below(depth > 0 ? 10 : 8);
    if (kind < 5) return this.pick(ODD_VALUES);
    if (kind < 8) return this.text();
    const length = this.below(4);
    if (kind === 8) return Array.from({ length }, () => this.value(depth - 1));
    return Object.fromEntries(Array.from({ length }, () => [this.pick(ODD_TEXTS), this.value(depth - 1)]));
  }

  text(): string {
    return Array.from({ length: 1 + this.below(4) }, () => this.pick(ODD_TEXTS)).join('');
  }

  /** A copy of a JSON value with one part of it, at any depth, replaced, removed or added. */
  mutate(value: unknown): unknown {
    const isParent = typeof value === 'object' && value !== null && Object.keys(value).length > 0;
    if (!isParent || this.next() < 0.15) return this.value();
    if (Array.isArray(value)) return this.#mutateList(value);
    return this.#mutateFields(value as Record<string, unknown>);
  }

  #mutateList(list: readonly unknown[]): unknown[] {
    const at = this.below(list.length);
    const kind = this.below(6);
    if (kind === 0) return list.toSpliced(at, 1);
    if (kind === 1) return list.toSpliced(at, 0, this.value());
    if (kind === 2) return Array.from({ length: 1 + this.below(40) }, () => list[at]);
    return list.with(at, this.mutate(list[at]));
  }

  #mutateFields(fields: Readonly<Record<string, unknown>>): unknown {
    const entries = Object.entries(fields);
    const at = this.below(entries.length);
    const [key, value] = entries[at]!;
    const kind = this.below(8);
    if (kind === 0) return fromEntries(entries.toSpliced(at, 1));
    if (kind === 1) return fromEntries([...entries, [this.pick(ODD_TEXTS), this.value()]]);
    if (kind === 2) return fromEntries(entries.with(at, [`${key}${this.pick(['', ' ', 's', '\0'])}`, value]));
    return fromEntries(entries.with(at, [key, this.mutate(value)]));
  }
}

/** As JSON.parse does: `__proto__` becomes a field like any other. */
function fromEntries(entries: readonly (readonly [string, unknown])[]): unknown {
  return JSON.parse(JSON.stringify(Object.fromEntries(entries)) ?? 'null');
}

const ODD_VALUES = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  0.5,
  1e-9,
  64,
  2 ** 31,
  2 ** 53,
  1e308,
  -1e308,
  '',
  [],
  {},
  [null],
  [[[[[]]]]],
];
const ODD_TEXTS = [
  '',
  ' ',
  'a cat',
  '__proto__',
  'constructor',
  'toString',
  'length',
  '0',
  '-1',
  '1e999',
  'NaN',
  '\0',
  '\u0000/etc/passwd',
  '../',
  '\\',
  '"',
  '%00',
  '💥',
  '\ud800',
  'İ',
  'ﷺ',
  '\u202e',
  'a\u0301\u0301\u0301',
  '|endoftext|>',
  '<|endoftext|>',
  'x'.repeat(5000),
];

/**
 * Runs a check with many generators. Each round has its own, so a failure can be looked at alone.
 * @throws what the check threw, with the seed in front
 */
export async function fuzz(rounds: number, check: (random: Random, round: number) => unknown): Promise<void> {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
  for (let round = 0; round < rounds; round++) {
    try {
      await check(new Random(seed + round * 7919), round);
    } catch (cause) {
      throw new Error(`FUZZ_SEED=${seed}, round ${round}: ${(cause as Error).message}`, { cause });
    }
  }
}

/** The code of what `run` throws, undefined when it throws nothing. Anything but a MeshError is a crash, and thrown on. */
export async function refusal(run: () => unknown): Promise<MeshError | undefined> {
  try {
    await run();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof MeshError && thrown.code !== 'INTERNAL') return thrown;
    throw thrown;
  }
}
