/** A WeightSource for tests without files: it has every weight that is asked for, or only those named. */
import { MeshError } from '#shared/errors/errors.ts';
import { bytesPerElement, elementCount, type Shape } from '#shared/tensor/tensor.ts';
import type { Weight, WeightDType, WeightSource } from '#shared/tensor/weight.ts';

export class AnyWeights implements WeightSource {
  readonly folder = '/checkpoint';
  /** Every weight that was asked for, in order. */
  readonly asked = new Map<string, Weight>();
  readonly #dtype: WeightDType;
  readonly #lacks: (name: string) => boolean;
  #nextOffset = 64;

  constructor(dtype: WeightDType = 'f32', lacks: (name: string) => boolean = () => false) {
    this.#dtype = dtype;
    this.#lacks = lacks;
  }

  get(name: string, shape: Shape): Weight {
    if (this.#lacks(name)) throw new MeshError('WEIGHT_MISSING', `${name} is missing.`, { name });
    const known = this.asked.get(name);
    if (known) return known;
    const length = elementCount(shape) * bytesPerElement(this.#dtype);
    const location = { file: 'model.safetensors', offset: this.#nextOffset, length };
    const weight = { name, shape, dtype: this.#dtype, location };
    this.#nextOffset += length;
    this.asked.set(name, weight);
    return weight;
  }

  has(name: string): boolean {
    return !this.#lacks(name);
  }
}
