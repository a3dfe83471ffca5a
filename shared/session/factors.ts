/** What LoRAs do to weights, as it comes from the LoRA library, held against the weights it is for. */
import { MeshError } from '#shared/errors/errors.ts';
import { elementCount, type Shape, showShape, type TensorMap } from '#shared/tensor/tensor.ts';
import { readPatches, type WeightChange, type WeightPatch } from '#shared/tensor/weight-change.ts';

/** One weight's change. */
export interface Factors extends WeightPatch {
  readonly weight: string;
  /** Of the weight. */
  readonly shape: Shape;
}

/** Rows and columns of a weight as a matrix. */
type Size = readonly [number, number];

function mismatch(weight: string, what: string, details: Record<string, unknown> = {}): never {
  throw new MeshError('LORA_MISMATCH', `The LoRA does not fit ${weight}: ${what}`, { weight, ...details });
}

/**
 * The changes by weight, in the order of `shapes`.
 *
 * factors   as `shared/tensor/weight-change.ts` names them: `<weight name>.up` f32 [O, R], `<weight name>.down` f32 [R, I·K·K] …
 * shapes    the weights of the set, by name
 * @throws MeshError LORA_MISMATCH
 */
export function pairFactors(factors: TensorMap, shapes: ReadonlyMap<string, Shape>): Factors[] {
  const patches = readPatches(factors);
  for (const weight of patches.keys()) {
    if (!shapes.has(weight)) mismatch(weight, 'the network has no such weight.');
  }
  return [...shapes].flatMap(([weight, shape]) => {
    const patch = patches.get(weight);
    return patch ? [checked({ weight, shape, ...patch })] : [];
  });
}

function checked(patch: Factors): Factors {
  const { weight, shape, factors, changes } = patch;
  const [rows = 1, ...rest] = shape;
  const size: Size = [rows, elementCount(rest)];
  if (factors && !multiplies(factors.up.shape, factors.down.shape, size)) {
    const { up, down } = factors;
    mismatch(
      weight,
      `factors ${showShape(up.shape)} and ${showShape(down.shape)} do not multiply to ${showShape(size)}, its shape ${showShape(shape)} as a matrix.`,
      { shape, up: up.shape, down: down.shape },
    );
  }
  const wrong = changes.find((change) => !fits(change, size, shape));
  if (wrong) mismatch(weight, `a ${wrong.kind} change was made for another shape than ${showShape(shape)}.`, { shape });
  return patch;
}

function multiplies(up: Shape, down: Shape, [rows, columns]: Size): boolean {
  return up.length === 2 && down.length === 2 && up[1] === down[0] && up[0] === rows && down[1] === columns;
}

function fits(change: WeightChange, size: Size, shape: Shape): boolean {
  if ('magnitude' in change && change.magnitude && !isMagnitude(change.magnitude.shape, shape)) return false;
  switch (change.kind) {
    case 'low_rank':
      return multiplies(change.up.shape, change.down.shape, size);
    case 'hadamard':
      return (
        multiplies(change.up_1.shape, change.down_1.shape, size) &&
        multiplies(change.up_2.shape, change.down_2.shape, size)
      );
    case 'kronecker': {
      const [rows, columns] = change.left.shape as Size;
      const right: Size = [size[0] / rows, size[1] / columns];
      const { right_up: up, right_down: down } = change;
      return down ? multiplies(up.shape, down.shape, right) : String(up.shape) === String(right);
    }
    case 'full':
      return String(change.delta.shape) === String(size);
    case 'rotation':
      return (
        change.blocks.shape[0]! * change.blocks.shape[1]! === size[0] &&
        change.blocks.shape[1] === change.blocks.shape[2]
      );
    case 'scaling':
      return change.rows ? change.rows.data.length === shape[0] : change.columns?.data.length === shape[1];
  }
}

function isMagnitude(magnitude: Shape, [outputs, inputs]: Shape): boolean {
  return String(magnitude) === String([outputs, 1]) || String(magnitude) === String([1, inputs]);
}
