/** What every kind of adapter tells of itself: its tensors, whether they fit a weight, and the change that they make. */
import type { Shape, Tensor } from '#shared/tensor/tensor.ts';
import type { WeightChange } from '#shared/tensor/weight-change.ts';

/** What a tensor is to its module, in the words of the trainers. */
export type AdapterRole =
  | 'up'
  | 'down'
  | 'mid'
  | 'hada_w1_a'
  | 'hada_w1_b'
  | 'hada_w2_a'
  | 'hada_w2_b'
  | 'hada_t1'
  | 'hada_t2'
  | 'lokr_w1'
  | 'lokr_w1_a'
  | 'lokr_w1_b'
  | 'lokr_w2'
  | 'lokr_w2_a'
  | 'lokr_w2_b'
  | 'lokr_t2'
  | 'diff'
  | 'blocks'
  | 'rescale'
  | 'ia3'
  | 'on_input'
  | 'dora_scale'
  | 'magnitude'
  | 'alpha';

/** Something by role: tensor names, shapes, values. */
export type ByRole<T> = Readonly<Partial<Record<AdapterRole, T>>>;

/** The values of a module's tensors, f32, in the shapes of the file. */
export type RoleTensors = ByRole<Tensor<'f32'>>;

/** What a module's tensors make of a weight. */
export interface ModuleFit {
  /** What alpha is divided by; undefined where alpha has no part in the change. */
  readonly rank: number | undefined;
  /** Shape of the change, compared with the weight's. */
  readonly shape: Shape;
}

/** A kind of adapter. */
export interface AdapterKind {
  /** As messages call it. */
  readonly name: string;
  /** Roles of which one is enough to tell the kind. */
  readonly marks: readonly AdapterRole[];
  /** Sets of roles that are complete, the first that fits is meant. */
  readonly complete: readonly (readonly AdapterRole[])[];
  /** Roles that may be there besides. */
  readonly optional: readonly AdapterRole[];
  /** Whether `change` takes alpha: then it is no factor of the change. */
  readonly usesAlpha?: boolean;
  /**
   * How the shapes fit each other.
   * @returns undefined where they do not
   */
  fit(shapes: ByRole<Shape>, weight: Shape): ModuleFit | undefined;
  /** The change, before alpha / rank and the LoRA's weight. Shapes have been checked. */
  change(tensors: RoleTensors, weight: Shape): WeightChange;
}

/** A tensor as a matrix: all axes but the first as one. */
export function asMatrix({ shape, data }: Tensor<'f32'>): Tensor<'f32'> {
  const [rows = 1, ...rest] = shape;
  return { dtype: 'f32', shape: [rows, rest.reduce((product, size) => product * size, 1)], data };
}

/** A shape without trailing ones: a 1×1 convolution and a linear layer hold the same numbers. */
export function withoutOnes(shape: Shape): Shape {
  const last = shape.findLastIndex((size) => size !== 1);
  return shape.slice(0, Math.max(last + 1, Math.min(2, shape.length)));
}
