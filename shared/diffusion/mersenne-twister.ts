/**
 * MT19937 and the two uniforms that torch makes of it. Owns bits, knows no distribution.
 * Source: Matsumoto and Nishimura 1998; https://github.com/pytorch/pytorch/blob/v2.6.0/aten/src/ATen/core/MT19937RNGEngine.h
 */

const WORDS = 624;
const SHIFT = 397;
const TWIST = 0x9908b0df;
const UPPER_BIT = 0x80000000;
const LOWER_BITS = 0x7fffffff;

/** A stream of uniform numbers in [0, 1). */
export interface MersenneTwister {
  /** 24 random bits: one 32-bit draw. */
  uniform24(): number;
  /** 53 random bits: two 32-bit draws, the high word first. */
  uniform53(): number;
}

/** Seeds a generator with 32 bits. */
export function createMersenneTwister(seed: number): MersenneTwister {
  const state = seedState(seed);
  let position = WORDS;
  const draw = (): number => {
    if (position === WORDS) {
      twist(state);
      position = 0;
    }
    return temper(state[position++]!);
  };
  return {
    uniform24: () => (draw() & 0xffffff) / 2 ** 24,
    uniform53: () => {
      const high = draw() & 0x1fffff;
      return (high * 2 ** 32 + draw()) / 2 ** 53;
    },
  };
}

function seedState(seed: number): Uint32Array {
  const state = new Uint32Array(WORDS);
  state[0] = seed;
  for (let i = 1; i < WORDS; i++) {
    const previous = state[i - 1]!;
    state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
  }
  return state;
}

function twist(state: Uint32Array): void {
  for (let i = 0; i < WORDS; i++) {
    const joined = (state[i]! & UPPER_BIT) | (state[(i + 1) % WORDS]! & LOWER_BITS);
    state[i] = state[(i + SHIFT) % WORDS]! ^ (joined >>> 1) ^ (joined & 1 ? TWIST : 0);
  }
}

function temper(word: number): number {
  const a = word ^ (word >>> 11);
  const b = a ^ ((a << 7) & 0x9d2c5680);
  const c = b ^ ((b << 15) & 0xefc60000);
  return (c ^ (c >>> 18)) >>> 0;
}
