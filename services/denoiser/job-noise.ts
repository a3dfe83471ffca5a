/** The random draws of a job. */
import type { DenoiseRequest } from '#shared/contracts/denoiser.ts';
import { createBatchNoise } from '#shared/diffusion/noise.ts';
import { varyNoise } from '#shared/diffusion/variation.ts';
import { MeshError } from '#shared/errors/errors.ts';
import { VAE_FACTOR } from '#shared/tensor/latents.ts';
import { elementCount } from '#shared/tensor/tensor.ts';

type Seeded = Pick<DenoiseRequest, 'seeds' | 'rng' | 'variation'>;
type LatentShape = readonly [batch: number, channels: number, height: number, width: number];

/** Draws of f32 [B, 4, h, w] each. */
export interface JobNoise {
  /** One generator for each picture, or one for all. */
  readonly next: () => Float32Array;
  /** The same draw, mixed as the job asks. */
  readonly first: () => Float32Array;
}

/** @throws MeshError INVALID_REQUEST when the seeds are neither one nor one for each picture */
export function jobNoise({ seeds, rng, variation }: Seeded, shape: LatentShape): JobNoise {
  const [batch, channels, height, width] = shape;
  if (seeds.length !== 1 && seeds.length !== batch) throw wrongCount('seeds', seeds.length, batch);
  const next = createBatchNoise(seeds, elementCount(shape) / seeds.length, rng);
  if (!variation) return { next, first: next };
  const { subseeds, strength, from } = variation;
  if (seeds.length !== batch || subseeds.length !== batch)
    throw wrongCount('variation.subseeds', subseeds.length, batch);
  const inner = from && { height: from.height / VAE_FACTOR, width: from.width / VAE_FACTOR };
  const size = { channels, height, width };
  return {
    next,
    first: () => {
      const noise = next();
      const count = noise.length / batch;
      for (const [i, subseed] of subseeds.entries()) {
        const own = noise.subarray(i * count, (i + 1) * count);
        own.set(varyNoise(own.slice(), seeds[i]!, size, { strength, subseed, from: inner, source: rng }));
      }
      return noise;
    },
  };
}

function wrongCount(path: string, count: number, batch: number): MeshError {
  return new MeshError('INVALID_REQUEST', `${count} ${path} for ${batch} pictures.`, { path });
}
