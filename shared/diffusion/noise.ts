/**
 * Seeded normal noise, the numbers of `torch.randn` with a CPU generator, so a seed means the same picture here as there; or
 * those of a CUDA generator, as the web UI draws them.
 * Source: https://github.com/pytorch/pytorch/blob/v2.6.0/aten/src/ATen/native/cpu/DistributionTemplates.h
 */
import { MeshError } from '#shared/errors/errors.ts';
import { elementCount, type Shape } from '#shared/tensor/tensor.ts';
import { createMersenneTwister, type MersenneTwister } from './mersenne-twister.ts';
import { philox } from './philox.ts';

/** A stream of normal numbers; every call continues where the last one ended. */
export interface NoiseGenerator {
  /** The next numbers of deviation 1: a count, or enough to fill a shape. Two calls differ from one call of the sum. */
  randn(size: number | Shape): Float32Array;
}

/** Whose numbers: torch's on the CPU (Diffusers, ComfyUI), or its CUDA generator's (the web UI by default). */
export type NoiseSource = 'cpu' | 'philox';

/** From this many numbers on, torch fills the array by blocks instead of one at a time. */
const BLOCK = 16;
const HALF_BLOCK = 8;

/**
 * Starts a stream; of the seed the low 32 bits count on the CPU, as in torch, and 64 of Philox.
 * @throws MeshError INVALID_REQUEST when a number is no safe integer.
 */
export function createGenerator(seed: bigint | number, source: NoiseSource = 'cpu'): NoiseGenerator {
  if (source === 'philox') return createPhiloxGenerator(wholeSeed(seed));
  const twister = createMersenneTwister(Number(BigInt.asUintN(32, wholeSeed(seed))));
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
export function createBatchNoise(
  seeds: readonly (bigint | number)[],
  countPerPicture: number,
  source: NoiseSource = 'cpu',
): () => Float32Array {
  const generators = seeds.map((seed) => createGenerator(seed, source));
  return () => {
    const batch = new Float32Array(seeds.length * countPerPicture);
    generators.forEach((generator, i) => {
      batch.set(generator.randn(countPerPicture), i * countPerPicture);
    });
    return batch;
  };
}

function wholeSeed(seed: bigint | number): bigint {
  if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
    throw new MeshError(
      'INVALID_REQUEST',
      `The seed ${seed} is no whole number below 2^53; pass larger ones as bigint.`,
      {
        seed: String(seed),
      },
    );
  }
  return BigInt(seed);
}

/**
 * Each call is one draw, which every element makes for itself: Box-Muller on two of its words, of which the sine is kept.
 * Source: https://github.com/leejet/stable-diffusion.cpp/blob/master-1896ae0/rng_philox.hpp, with its f32 constants
 */
function createPhiloxGenerator(seed: bigint): NoiseGenerator {
  const key = [Number(BigInt.asUintN(32, seed)), Number(BigInt.asUintN(32, seed >> 32n))] as const;
  let draw = 0;
  return {
    randn(size) {
      const count = typeof size === 'number' ? size : elementCount(size);
      const offset = draw++;
      return Float32Array.from({ length: count }, (_, i) => {
        const [first, second] = philox([offset, 0, i, 0], key);
        const uniform = first * WORD + WORD / 2;
        const angle = second * WORD_OF_CIRCLE + WORD_OF_CIRCLE / 2;
        return Math.sqrt(-2 * Math.log(uniform)) * Math.sin(angle);
      });
    },
  };
}

/** 2⁻³², and that share of a circle. */
const WORD = 2 ** -32;
const WORD_OF_CIRCLE = Math.fround(2 ** -32 * 6.2831855);

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
