/** Low-rank factors as they come from the LoRA library, paired and held against the weights they are for. */
import { MeshError } from '#shared/errors/errors.ts';
import { elementCount, type Shape, showShape, type Tensor, type TensorMap } from '#shared/tensor/tensor.ts';

/** One weight's change: W + up @ down. */
export interface Factors {
  readonly weight: string;
  /** f32 [O, R], scale multiplied in. */
  readonly up: Tensor;
  /** f32 [R, I·K·K] */
  readonly down: Tensor;
}

const FACTOR = /^(.+)\.(?:up|down)$/;

function mismatch(weight: string, what: string, details: Record<string, unknown> = {}): never {
  throw new MeshError('LORA_MISMATCH', `The LoRA does not fit ${weight}: ${what}`, { weight, ...details });
}

function pair(weight: string, shape: Shape, factors: TensorMap): Factors {
  const up = factors[`${weight}.up`];
  const down = factors[`${weight}.down`];
  if (!up || !down) mismatch(weight, `factor ${up ? 'down' : 'up'} is missing.`);
  if (up.dtype !== 'f32' || down.dtype !== 'f32')
    mismatch(weight, `factors are ${up.dtype} and ${down.dtype}, f32 is needed.`);
  const [rows = 1, ...rest] = shape;
  const columns = elementCount(rest);
  const fits = up.shape.length === 2 && down.shape.length === 2 && up.shape[1] === down.shape[0];
  if (!fits || up.shape[0] !== rows || down.shape[1] !== columns) {
    mismatch(
      weight,
      `factors ${showShape(up.shape)} and ${showShape(down.shape)} do not multiply to [${rows}, ${columns}], its shape ${showShape(shape)} as a matrix.`,
      { shape, up: up.shape, down: down.shape },
    );
  }
  return { weight, up, down };
}

/**
 * The factors by weight, in the order of `shapes`.
 *
 * factors   `<weight name>.up` f32 [O, R], `<weight name>.down` f32 [R, I·K·K]
 * shapes    the weights of the set, by name
 * @throws MeshError LORA_MISMATCH
 */
export function pairFactors(factors: TensorMap, shapes: ReadonlyMap<string, Shape>): Factors[] {
  const touched = new Set(
    Object.keys(factors).map((key) => FACTOR.exec(key)?.[1] ?? mismatch(key, 'a factor ends in .up or .down.')),
  );
  for (const weight of touched) {
    if (!shapes.has(weight)) mismatch(weight, 'the network has no such weight.');
  }
  return [...shapes].filter(([weight]) => touched.has(weight)).map(([weight, shape]) => pair(weight, shape, factors));
}
