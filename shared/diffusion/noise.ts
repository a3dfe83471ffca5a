/**
 * Seeded normal noise, the numbers of `torch.randn` with a CPU generator, so a seed means the same picture here as there.
 * Source: https://github.com/pytorch/pytorch/blob/v2.6.0/aten/src/ATen/native/cpu/DistributionTemplates.h
 */
import { MeshError } from '#shared/errors/errors.ts';
import { elementCount, type Shape } from '#shared/tensor/tensor.ts';
import { createMersenneTwister, type MersenneTwister } from './mersenne-twister.ts';

/** A stream of normal numbers; every call continues where the last one ended. */
export interface NoiseGenerator {
  /** The next numbers of deviation 1: a count, or enough to fill a shape. Two calls differ from one call of the sum. */
  randn(size: number | Shape): Float32Array;
}

/** From this many numbers on, torch fills the array by blocks instead of one at a time. */
const BLOCK = 16;
const HALF_BLOCK = 8;

/**
 * Starts a stream; only the low 32 bits of the seed count, as in torch.
 * @throws MeshError INVALID_REQUEST when a number is no safe integer.
 */
export function createGenerator(seed: bigint | number): NoiseGenerator {
  const twister = createMersenneTwister(lowBits(seed));
  const next = oneAtATime(twister);
  return {
    randn(size) {
      const count = typeof size === 'number' ? size : elementCount(size);
      return count < BLOCK ? Float32Array.from({ length: count }, next) : byBlocks(twister, count);
    },
  };
}

/**
 * The noise of a batch where each picture has its own seed, so a picture is the same alone and in a batch.
 *
 * seeds            one per picture, B of them
 * countPerPicture  elements of one picture's latents
 * returns          a function that draws f32 [B, …], picture after picture
 */
export function createBatchNoise(seeds: readonly (bigint | number)[], countPerPicture: number): () => Float32Array {
  const generators = seeds.map(createGenerator);
  return () => {
    const batch = new Float32Array(seeds.length * countPerPicture);
    generators.forEach((generator, i) => {
      batch.set(generator.randn(countPerPicture), i * countPerPicture);
    });
    return batch;
  };
}

function lowBits(seed: bigint | number): number {
  if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
    throw new MeshError(
      'INVALID_REQUEST',
      `The seed ${seed} is no whole number below 2^53; pass larger ones as bigint.`,
      {
        seed: String(seed),
      },
    );
  }
  return Number(BigInt.asUintN(32, BigInt(seed)));
}

/** Box-Muller on two 53-bit uniforms; the sine half is kept for the next number, also across calls. */
function oneAtATime(twister: MersenneTwister): () => number {
  let kept: number | undefined;
  return () => {
    if (kept !== undefined) {
      const value = kept;
      kept = undefined;
      return value;
    }
    const angle = 2 * Math.PI * twister.uniform53();
    const radius = Math.sqrt(-2 * Math.log1p(-twister.uniform53()));
    kept = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}

/** The array is filled with uniforms, then turned normal in place, block by block; a ragged end redraws the last block. */
function byBlocks(twister: MersenneTwister, count: number): Float32Array {
  const values = new Float32Array(count);
  fillUniform(twister, values, 0);
  for (let start = 0; start + BLOCK <= count; start += BLOCK) turnNormal(values, start);
  if (count % BLOCK !== 0) {
    fillUniform(twister, values, count - BLOCK);
    turnNormal(values, count - BLOCK);
  }
  return values;
}

function fillUniform(twister: MersenneTwister, values: Float32Array, start: number): void {
  for (let i = start; i < values.length; i++) values[i] = twister.uniform24();
}

/** Numbers 0…7 of a block give the radii, 8…15 the angles. */
function turnNormal(values: Float32Array, start: number): void {
  for (let j = start; j < start + HALF_BLOCK; j++) {
    const radius = Math.sqrt(-2 * Math.log(1 - values[j]!));
    const angle = 2 * Math.PI * values[j + HALF_BLOCK]!;
    values[j] = radius * Math.cos(angle);
    values[j + HALF_BLOCK] = radius * Math.sin(angle);
  }
}
