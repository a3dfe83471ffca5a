/** The seam between networks and files: a graph asks for a weight by name and shape, whoever holds the file answers. */
import { bytesPerElement, elementCount, type Shape } from './tensor.ts';

/** Float types that a checkpoint may store its weights in. */
export type WeightDType = 'f32' | 'f16' | 'bf16' | 'f64';

/** Where the bytes of a weight lie: a file name relative to the source's folder, offset and length in bytes. */
export interface WeightLocation {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/** One weight of a checkpoint, named by its path in the module tree (`down_blocks.0.resnets.0.conv1.weight`). */
export interface Weight {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: WeightDType;
  readonly location: WeightLocation;
  /** A matrix whose bytes are those of its transpose. */
  readonly isTransposed?: boolean;
}

/** Answers for the weights of one network. */
export interface WeightSource {
  /** Absolute folder that every {@link WeightLocation} is relative to. */
  readonly folder: string;
  /** @throws MeshError WEIGHT_MISSING when there is none of that name, WRONG_SHAPE when its shape is another. */
  get(name: string, shape: Shape): Weight;
  /** Whether the checkpoint has such a weight: for the few parts that a config leaves open. */
  has(name: string): boolean;
}

/** Bytes of weights of these shapes once they are widened to f32, in which networks compute. */
export function widenedBytes(shapes: Iterable<Shape>): number {
  return [...shapes].reduce((sum, shape) => sum + elementCount(shape) * bytesPerElement('f32'), 0);
}
