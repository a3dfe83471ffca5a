/**
 * Weights of a network that was never trained: the same for the same seed, scaled so that activations keep their size.
 * A weight is repetitions of one random block, which lets 1.7 GB be written as fast as the disk takes it.
 */
import type { WeightIndex } from '#shared/checkpoint/component-weights.ts';
import type { TensorToWrite } from '#shared/checkpoint/write-safetensors.ts';
import { createGenerator } from '#shared/diffusion/noise.ts';
import { elementCount, type Shape } from '#shared/tensor/tensor.ts';

/** How weights are stored. */
export type StoredDType = 'f16' | 'f32';

/** Deviation of what a weight is made of, N(0, 1) numbers, by its name and its number of inputs. */
export type Deviation = (name: string, inputs: number) => number;

/** How to make weights; by default they keep the variance of what goes through. */
export interface RandomWeightsOptions {
  readonly seed: number;
  readonly dtype: StoredDType;
  readonly deviation?: Deviation;
}

/** Elements or kernels of a block; prime, so that the rows of a weight do not all meet the same place of it. */
const BLOCK_LENGTH = 7_919;

/** Convolutions blur (a binomial window, of sum 1), so that what comes out of a random network is smooth and has no grid. */
const BLUR = [1, 2, 1].flatMap((row) => [1, 2, 1].map((column) => (row * column) / 16));

/** Embeddings are as large as a trained CLIP's are behind its norm. */
const EMBEDDING_DEVIATION = 0.5;

/** What chance gives too little of: attention to the prompt, so that another prompt is another picture; and contrast. */
const GAINS: readonly (readonly [RegExp, number])[] = [
  [/\.attn2\.to_[qkv]\.weight$/, 3],
  [/^decoder\.conv_out\.weight$/, 2],
];

/** Keeps the variance of what goes through: 1/√(inputs). */
export const keepVariance: Deviation = (name, inputs) => {
  if (/(?:token|position)_embedding\.weight$/.test(name)) return EMBEDDING_DEVIATION;
  const gain = GAINS.find(([pattern]) => pattern.test(name))?.[1] ?? 1;
  return gain / Math.sqrt(inputs);
};

/** The weights of an index: norms pass on what they get, biases are 0, the rest is random. */
export function randomWeights(
  index: WeightIndex,
  { seed, dtype, deviation = keepVariance }: RandomWeightsOptions,
): TensorToWrite[] {
  const normal = createGenerator(seed).randn(BLOCK_LENGTH);
  return [...index].map(([name, shape], position) => ({
    name,
    dtype,
    shape,
    bytes: () => {
      const values = blockOf({ name, shape, deviation }, rotated(normal, position));
      return repeat(dtype === 'f16' ? new Float16Array(values) : values, elementCount(shape));
    },
  }));
}

/** Each weight begins at another place of the same numbers. */
function rotated(normal: Float32Array, position: number): Float32Array {
  const start = (position * 997) % normal.length;
  return Float32Array.of(...normal.subarray(start), ...normal.subarray(0, start));
}

function blockOf(
  { name, shape, deviation }: { name: string; shape: Shape; deviation: Deviation },
  normal: Float32Array,
): Float32Array<ArrayBuffer> {
  if (shape.length === 1) return new Float32Array(normal.length).fill(name.endsWith('.bias') ? 0 : 1);
  const kernel = elementCount(shape.slice(2)) === BLUR.length ? BLUR : [1];
  const scale = deviation(name, shape[1]!);
  const block = new Float32Array(normal.length * kernel.length);
  for (let i = 0; i < block.length; i++) {
    block[i] = scale * normal[Math.floor(i / kernel.length)]! * kernel[i % kernel.length]!;
  }
  return block;
}

/** Bytes of `count` elements: the block again and again, the last one cut. */
function* repeat(block: Float16Array<ArrayBuffer> | Float32Array<ArrayBuffer>, count: number): Generator<Uint8Array> {
  for (let left = count; left > 0; left -= block.length) {
    const elements = Math.min(left, block.length);
    yield new Uint8Array(block.buffer, 0, elements * block.BYTES_PER_ELEMENT);
  }
}
