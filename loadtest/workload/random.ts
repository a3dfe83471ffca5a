/** Seeded random numbers for workloads: the same seed asks for the same pictures at the same times. */
import { createMersenneTwister } from '#shared/diffusion/mersenne-twister.ts';

/** Uniform in [0, 1). */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  const twister = createMersenneTwister(seed);
  return () => twister.uniform53();
}

/** An index by its share: `shares` add up to 1. */
export function drawIndex(random: Random, shares: readonly number[]): number {
  const drawn = random();
  let sum = 0;
  const index = shares.findIndex((share) => {
    sum += share;
    return drawn < sum;
  });
  return index < 0 ? shares.length - 1 : index;
}
